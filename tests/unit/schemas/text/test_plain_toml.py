"""The plainest TOML is read as tomllib reads it, and nothing else is."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.schemas.text import plain_toml

OURS = """\
# Where jobs run.
current = "lab"

[contexts.lab]
endpoint = "tcp://lab.example.org:7341"
key = "jobwire-key-x"\t
[contexts.far-1]
\tidentity="~/é"
"""


def known(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


@pytest.mark.parametrize("text", [OURS, OURS.replace("\n", "\r\n"), "", "\n", "[a]\n[a.b]\n[c]", '[a.b]\nx = ""\n[a]\n'])
def test_what_we_write_is_read(text: str) -> None:
    assert plain_toml.parse(text) == tomllib.loads(text)
    assert plain_toml.parse(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "a = 1",
        "a = 'x'",
        'a = "x" # why',
        'a = "x" # "y"',
        'a = "\\u0041"',
        'a = """x"""',
        'a.b = "x"',
        '"a" = "x"',
        'a = "x"\na = "y"',
        '[a]\nb = "x"\n[a.b]',
        '[a.b]\n[a]\nb = "x"',
        'a = "x"\n[a]',
        "[a]\n[a]",
        "[[a]]",
        "[a",
        "[a.]",
        "[]",
        "[ a ]",
        'a = "',
        'a = "x"\r',
        "a",
        '= "x"',
        "# \x00",
        'a = "x\ry"',
        'a = "x\u2028y"',
    ],
)
def test_anything_else_is_left_to_tomllib(text: str) -> None:
    assert plain_toml.parse(text) is None


PARTS = [
    "a",
    "[a",
    "]",
    "b",
    ".",
    "=",
    " = ",
    '"',
    '"x"',
    "'x'",
    "\\",
    "#",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "\x0b",
    "\u2028",
    "\xa0",
    "[a.b]\n",
    "é",
    "-",
    "1",
]


@given(st.one_of(st.text(max_size=30), st.lists(st.sampled_from(PARTS), max_size=14).map("".join)))
def test_no_text_is_read_differently(text: str) -> None:
    found = plain_toml.parse(text)
    assert found is None or found == known(text)
