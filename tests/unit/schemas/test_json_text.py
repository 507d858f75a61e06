import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.schemas.json_text import from_json, object_of

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_VALUES)
def test_what_was_written_is_read(value: object) -> None:
    assert from_json(f" {json.dumps(value)}\n") == value


@pytest.mark.parametrize(("text", "value"), [("{}", {}), (' {"a":1}\n', {"a": 1})])
def test_white_space_around_json_is_accepted(text: str, value: object) -> None:
    assert from_json(text) == value


@pytest.mark.parametrize(
    "text", ["", "{", "{}{}", '{"a":1}x', "[" * 100_000, '{"a":' * 100_000, "1e999", "-1e999", "NaN", "Infinity", "9" * 5000]
)
def test_everything_else_is_one_kind_of_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        from_json(text)


@pytest.mark.parametrize("content", [b"null", b"[]", b"7", b'{"a":\xff}', b"\0" * 9, "{}".encode("utf-16"), b"[" * 100_000])
def test_what_is_no_object_is_that_error_too(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        object_of(content)
