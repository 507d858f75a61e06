"""What a TOML document may cost to read."""

from __future__ import annotations

import re
import time
import tomllib
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from jobwire.client.batch.batch_file import read_batch
from jobwire.client.batch.forms.toml_lines import place_of
from jobwire.client.batch.options.job_options import Surroundings
from jobwire.client.config.contexts_file import understand
from jobwire.keys.members.roster_text import parse as parse_roster
from jobwire.schemas.refusal import Refused
from jobwire.schemas.text.toml_text import LONGEST_NUMBER, MOST_KEY_PARTS, NotTomlError, parse

MANY = ".".join(["a"] * 20_000)
AROUND = Surroundings(Path("/"))
QUOTED = ".".join(['"a"'] * 20_000)


@pytest.mark.parametrize("text", [f"{MANY} = 1", f"[{MANY}]", f"[[{MANY}]]", f"x = {{ {MANY} = 1 }}", f"{QUOTED} = 1"])
def test_a_key_of_twenty_thousand_parts_is_refused_at_once_and_by_line(text: str) -> None:
    began = time.process_time()
    with pytest.raises(NotTomlError, match=rf"line 2: A key has more than {MOST_KEY_PARTS} parts"):
        parse(f"# first\n{text}\n")
    assert time.process_time() - began < 1


def test_batches_and_rosters_name_the_line_of_such_a_key() -> None:
    began = time.process_time()
    for read in (lambda: parse_roster(f"\n{MANY} = 1", "roster.toml"), lambda: read_batch(f"\n{MANY} = 1".encode(), "b.toml", AROUND)):
        with pytest.raises(Refused, match=r"line 2.*16 parts"):
            read()
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "text",
    [
        ".".join(["a"] * MOST_KEY_PARTS) + " = 1",
        f"x = '{MANY}'",
        f'x = "{MANY} \\" {MANY}"',
        f'x = """\n{MANY}\n"""',
        f"x = '''\n{MANY}\n'''",
        f"x = 1 # {MANY}",
        "x = [" + ", ".join(["1.5"] * 100) + "]",
        "x = 1987-07-05T17:45:00.123456Z",
    ],
)
def test_dots_that_divide_no_key_are_none(text: str) -> None:
    assert parse(text) == tomllib.loads(text)


def test_lines_that_end_with_cr_alone_are_named_and_others_may_have_crlf() -> None:
    assert parse("a = 1\r\nb = 2\r\n") == {"a": 1, "b": 2}
    with pytest.raises(NotTomlError, match="line 2: Lines end with CR alone"):
        parse("a = 1\nb = 2\rc = 3\r")


@pytest.mark.parametrize(
    ("text", "what"), [("a = “x”\n", "U+201C, LEFT DOUBLE QUOTATION MARK"), ("b = 1\n\xa0a = 1\n", "U+00A0, NO-BREAK SPACE")]
)
def test_a_character_that_looks_like_another_one_is_named(text: str, what: str) -> None:
    with pytest.raises(NotTomlError, match=re.escape(what)):
        parse(text)


LONG = 50_000
QUOTES = '"' * 3


def cost_of(read: Callable[[], object]) -> int:
    """Return how many bytes of memory a function needed at once."""
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "number",
    [
        "9" * LONG,
        "-" + "9" * LONG,
        "9_" * LONG + "9",
        "0x" + "f" * LONG,
        "0o" + "7" * LONG,
        "0b" + "1" * LONG,
        "0." + "9" * LONG,
        "1e" + "9" * LONG,
        "1979-05-27T00:32:00." + "9" * LONG + "Z",
        "00:32:00." + "9" * LONG,
        "x" * LONG,
    ],
)
@pytest.mark.parametrize(
    ("before", "column"), [("x = ", 5), ("x = [1, ", 9), ('x = ["""a"""", ', 16), ("x = { a = '#', b = ", 20), ("x = [ # 1\n  ", 3)]
)
def test_a_long_number_is_refused_by_line_and_column_before_it_costs_memory(number: str, before: str, column: int) -> None:
    def read() -> None:
        with pytest.raises(NotTomlError) as refused:
            parse(f"# first\n{before}{number}")
        what = f"A number or key without quotes has more than {LONGEST_NUMBER} characters, at column {column}: put it in quotes"
        assert str(refused.value) == f"line {3 if before.endswith('  ') else 2}: {what}"

    assert cost_of(read) < 10 * len(number) + 1024 * 1024


def test_rosters_and_contexts_name_the_line_of_such_a_number() -> None:
    text = f"\n[[member]]\nslots = {'9' * LONG}\n"
    for read in (lambda: parse_roster(text, "roster.toml"), lambda: understand(text, Path("contexts.toml"))):
        with pytest.raises(Refused, match=r"^(roster|contexts)\.toml, line 3: .* at column 9: put it in quotes"):
            read()


@pytest.mark.parametrize(
    "text",
    [
        "x = '" + "9" * LONG + "'",
        'x = "' + "9" * LONG + '"',
        'x = "' + "\\u0039" * LONG + '"',
        f"x = {QUOTES}\n" + "9\n" * LONG + '\\"' + "9" * LONG + f'"" {QUOTES}',
        f"x = [{QUOTES}{'9' * LONG}{QUOTES}\"\", '{'9' * LONG}', '''{'9' * LONG}'''', {QUOTES}{QUOTES}, '{'9' * LONG}']",
        "x = 1 # " + "9" * LONG,
        "# " + "9" * LONG + "\nx = 1",
        f'"{"9" * LONG}" = 1\nx = 1',
        f'["{"9" * LONG}"]\n[x]',
        "x = " + "9" * LONGEST_NUMBER,
        "x = 0x" + "f" * (LONGEST_NUMBER - 2),
        "x = [" + "9, " * 10_000 + "]",
    ],
)
def test_long_text_in_quotes_and_comments_is_allowed_and_costs_little_more_than_its_length(text: str) -> None:
    assert parse(text) == tomllib.loads(text)
    assert cost_of(lambda: place_of(text, ("x",))) < 10 * len(text) + 1024 * 1024
    str(parse(text)["x"])


@pytest.mark.parametrize("text", ["x = '" + "9" * LONG, 'x = "' + "9" * LONG, f'x = {QUOTES}a"\n' + "9" * LONG, "x = '''a'\n" + "9" * LONG])
def test_a_string_without_an_end_is_called_that(text: str) -> None:
    with pytest.raises(NotTomlError) as refused:
        parse(text)
    assert "quotes" not in refused.value.reason


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * LONG,
        "x = " + "{a=" * LONG,
        "[" * LONG,
        "x = " + "[" * 400 + "]" * 400,
        "".join(f"a.b{i}.c = 1\n" for i in range(3000)),
    ],
)
def test_deep_nesting_and_many_dotted_keys_cost_no_more_than_a_moment(text: str) -> None:
    began = time.process_time()
    with suppress(NotTomlError, RecursionError):
        parse(text)
    assert time.process_time() - began < 2
