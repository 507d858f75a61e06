"""What a TOML document may cost to read."""

from __future__ import annotations

import re
import time
import tomllib
from pathlib import Path

import pytest

from jobwire.client.batch.batch_file import read_batch
from jobwire.client.batch.options.job_options import Surroundings
from jobwire.keys.members.roster_text import parse as parse_roster
from jobwire.schemas.refusal import Refused
from jobwire.schemas.text.toml_text import MOST_KEY_PARTS, NotTomlError, parse

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
