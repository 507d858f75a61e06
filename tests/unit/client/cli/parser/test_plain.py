"""A plain line means the same whether it is read here or by typer; and what is not plain is left to typer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobwire.client.cli.main import command_line
from jobwire.client.cli.parser import typer_commands
from jobwire.client.cli.parser.parameters import Argument, Context, Option, Parameter, parameters_of
from jobwire.client.cli.parser.plain import read, read_context
from jobwire.client.cli.verbs import GROUPS, TAKES_A_COMMAND, VERBS, find

PLAIN = [name for name in VERBS if name not in GROUPS]
CONTEXT, _ = read_context([], None)


def read_by_typer(name: str, words: Sequence[str]) -> dict[str, Any] | None:
    """Return the values that typer passes to the command; None if it refuses the line."""
    passed: dict[str, Any] = {}

    def record(_: object, values: Mapping[str, Any]) -> None:
        passed.update(values)

    with patch.object(typer_commands, "call", record):
        command = typer_commands.load(name)
        try:
            command.main(list(words), prog_name=name, standalone_mode=False)
        except Exception as error:  # typer's own are not public
            if not hasattr(error, "format_message"):
                raise
            return None
    return passed


def plain(name: str, words: Sequence[str]) -> dict[str, Any] | None:
    return read(words, parameters_of(find(VERBS[name])), CONTEXT, ends_options=name in TAKES_A_COMMAND)


@st.composite
def lines(draw: st.DrawFn) -> tuple[str, list[str]]:
    name = draw(st.sampled_from(PLAIN))
    declared = [one.declared for one in parameters_of(find(VERBS[name])) if isinstance(one.declared, Option)]
    flags = [flag for one in declared for flag in one.flags] or ["--none"]
    value = st.sampled_from(["", "x", "-", "--", "a=b", "-5", "-x", "=", "last", "\udcff", *flags[:3]])
    flag = st.sampled_from(flags)
    word = st.one_of(value, flag, st.builds("{}={}".format, flag, value), st.builds("{}{}".format, flag, value))
    return name, draw(st.lists(word, max_size=5))


@settings(max_examples=300)
@given(lines())
def test_a_line_that_is_plain_means_the_same_to_typer(line: tuple[str, list[str]]) -> None:
    found = plain(*line)
    # What is printed for help is of no interest.
    if found is not None:
        passed = read_by_typer(*line)
        assert passed is not None
        assert passed == found


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("run", ["true"]),
        ("run", ["--", "true", "--", "-x"]),
        ("run", ["-n", "a", "-e", "A=b", "-e", "C", "--linger", "-t1s", "--label=k=v", "true", "-n"]),
        ("submit", ["--wait", "-q", "--array", "1-3", "true"]),
        ("logs", ["last", "-f", "--tail", "3"]),
        ("signal", ["x", "TERM"]),
        ("wait", ["a", "b", "--timeout=1s", "--any"]),
        ("list", ["-a", "--state", "queued", "--state=running"]),
        ("list", []),
        ("show", ["x", "--json"]),
        ("stop", ["--now", "--", "-x"]),
    ],
)
def test_what_people_type_is_plain(name: str, words: list[str]) -> None:
    found, passed = plain(name, words), read_by_typer(name, words)
    assert found is not None
    assert passed is not None
    assert found == passed


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("run", ["--help"]),
        ("run", ["-h", "true"]),
        ("run", ["--nam", "x", "true"]),
        ("run", ["--linger=yes", "true"]),
        ("run", ["-n"]),
        ("submit", ["-qn", "x", "true"]),
        ("logs", []),
        ("logs", ["a", "b"]),
        ("show", []),
        ("list", ["-5"]),
    ],
)
def test_the_rest_is_left_to_typer(name: str, words: list[str]) -> None:
    assert plain(name, words) is None


def test_an_argument_of_many_words_leaves_those_that_follow() -> None:
    parameters = [Parameter("many", list[str], Argument(), None, True), Parameter("last", str, Argument(), None, True)]  # noqa: FBT003 -- a tuple
    assert read(["a", "b", "c"], parameters, CONTEXT, ends_options=False) == {"many": ["a", "b"], "last": "c"}
    assert read(["a"], parameters, CONTEXT, ends_options=False) is None


def test_a_parameter_of_another_kind_is_left_to_typer() -> None:
    assert read([], [Parameter("number", int, Option("--number"), 1)], CONTEXT, ends_options=False) is None


def test_the_context_is_the_one_before_the_command_or_the_usual_one() -> None:
    for words in (["--context", "lab", "list"], ["--context=lab", "list"]):
        assert read_context(words, "other") == (Context("lab"), ["list"])
    assert read_context(["list", "--context", "lab"], "other") == (Context("other"), ["list", "--context", "lab"])
    values = read([], [Parameter("ctx", Context, None, None, True)], read_context([], "lab")[0], ends_options=False)  # noqa: FBT003 -- a tuple
    assert values is not None
    assert values["ctx"].obj == "lab"


def test_a_plain_line_loads_no_typer() -> None:
    code = "import sys; from jobwire.client.cli.main import command_line; command_line(['--version']); print('typer' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout.endswith("False\n")


def test_a_reader_that_is_gone_is_told_by_the_status_alone() -> None:
    def gone(_: object, __: object) -> None:
        raise BrokenPipeError

    with patch("jobwire.client.cli.main.call", gone):
        assert command_line(["list"]) == 141
