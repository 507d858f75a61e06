"""What is a number is not said to be none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobwire.client.batch.expansion.array_indexes import parse_array
from jobwire.client.batch.options import option_values, retries
from jobwire.client.cli.arguments import parse_count
from jobwire.schemas.refusal import Refused
from jobwire.schemas.text.numbers import why_not_number
from jobwire.schemas.text.sizes import parse_size

READERS: dict[str, Callable[[str], object]] = {
    "a count": parse_count,
    "an amount": option_values.parse_amount,
    "retries": retries.parse_count,
    "a size": parse_size,
    "an array": lambda text: parse_array(text, 100),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_number_with_too_many_digits_is_too_large_and_anything_else_is_none(read: Callable[[str], object]) -> None:
    with pytest.raises(Refused, match="is too large a number"):
        read("9" * 20)
    for text in ("many", "1e99999999999", "٩" * 20, "-", ""):
        with pytest.raises(Refused) as refused:
            read(text)
        assert "too large" not in str(refused.value)


@pytest.mark.parametrize("text", ["1-1000000000", "12345678901:2", "99999999999999999999K", "0.12345678901 GiB", "+10000000000"])
def test_a_range_or_a_size_is_a_number_too(text: str) -> None:
    assert why_not_number(text, "a size") == f"{text!r} is too large a number"


@pytest.mark.parametrize("text", ["123456789", "12345678901 x", "12345678901x", "1,2", "0x12345678901", "1_0000000000"])
def test_what_is_no_number_is_named_as_that(text: str) -> None:
    assert why_not_number(text, "an index") == f"{text!r} is not an index"
