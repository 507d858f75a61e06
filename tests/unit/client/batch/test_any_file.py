"""Whatever a batch file holds, it is read or refused."""

import contextlib
import json
from typing import Any

from batch_texts import read
from hypothesis import given
from hypothesis import strategies as st

from jobwire.schemas.refusal import Refused

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["argv", "name", "env", "dir", "stdin", "time_limit", "stop", "labels", "after", "x"])
JOBS = st.fixed_dictionaries({"argv": st.lists(st.text(max_size=4), max_size=3) | VALUES}) | st.dictionaries(KEYS, VALUES, max_size=5)


def toml(value: Any) -> str:
    """Write a value as TOML would have it; what TOML cannot say becomes text."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    # JSON writes NaN and Infinity with capitals.
    return json.dumps(str(value) if value is None else value).replace("NaN", "nan").replace("Infinity", "inf")


@given(st.lists(JOBS, max_size=4), st.dictionaries(st.sampled_from(["name", "parallel", "x"]), VALUES), st.dictionaries(KEYS, VALUES))
def test_any_toml_file_is_read_or_refused(jobs: list[dict[str, Any]], batch: dict[str, Any], defaults: dict[str, Any]) -> None:
    text = f"batch = {toml(batch)}\ndefaults = {toml(defaults)}\n"
    for job in jobs:
        text += "[[job]]\n" + "".join(f"{json.dumps(key)} = {toml(value)}\n" for key, value in job.items())
    attempt(text.encode())


@given(st.lists(JOBS, max_size=4))
def test_any_json_lines_are_read_or_refused(jobs: list[dict[str, Any]]) -> None:
    attempt("\n".join(json.dumps(job) for job in jobs).encode())


@given(st.binary(max_size=200) | st.text(alphabet="[]{}=\"'#\n \\ajob.1,", max_size=80).map(str.encode), st.booleans())
def test_any_bytes_are_read_or_refused(text: bytes, lines: bool) -> None:  # noqa: FBT001
    attempt(text, lines=lines)


def attempt(text: bytes, *, lines: bool = False) -> None:
    with contextlib.suppress(Refused):
        assert read(text, lines=lines).jobs


# What can stand in a TOML file: strings that look like something else, and values that no JSON has.
TOKENS = [
    *'[]{}=,#. "',
    "'",
    "\n",
    "\\",
    '"""',
    "'''",
    "[[job]]\n",
    "[defaults]\n",
    "[batch]\n",
    "argv = ['a']\n",
    "x = 1\n",
    "nan",
    "-inf",
    "1e400",
]


TOKENS += ["time_limit", "stop", "env", "1979-05-27", "07:32:00", "\ufeff", "\r", "\u2028", "\\ud800", "9" * 20]


@given(st.lists(st.sampled_from(TOKENS), max_size=25), st.booleans())
def test_any_pieces_of_toml_are_read_or_refused(pieces: list[str], begun: bool) -> None:  # noqa: FBT001
    attempt((("[[job]]\nargv = ['a']\n" if begun else "") + "".join(pieces)).encode())


@given(
    st.sampled_from(["time_limit", "stop", "env", "dir", "stdin", "name", "labels"]),
    st.sampled_from(TOKENS),
    st.sampled_from(["", "unknown = 1\n"]),
)
def test_any_value_that_only_toml_has_is_read_or_refused(key: str, value: str, then: str) -> None:
    attempt(f"[[job]]\nargv = ['a']\n{key} = {value}\n{then}".encode())


@given(st.text(alphabet=st.characters(), max_size=6), st.sampled_from(["argv", "name", "dir", "stdin", "env", "labels", "x"]))
def test_any_string_in_json_is_read_or_refused(text: str, key: str) -> None:
    value = {"argv": [text], "env": {text: text}, "labels": [text]}.get(key, text)
    attempt(json.dumps({"argv": ["a"], key: value}).encode())
