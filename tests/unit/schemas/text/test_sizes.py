import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.schemas.refusal import Refused
from jobwire.schemas.text.sizes import format_limit, format_size, parse_size


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ("0", 0),
        ("10", 10),
        (10, 10),
        ("10K", 10_240),
        ("10k", 10_240),
        ("1.5G", 3 << 29),
        ("1.5M", 1_572_864),
        ("1kB", 1024),
        ("2TiB", 2 << 40),
        ("7B", 7),
        ("2 GiB", 2 << 30),
        ("1TB", 1 << 40),
    ],
)
def test_a_size_is_read_as_bytes(said: str | int, size: int) -> None:
    assert parse_size(said) == size


@pytest.mark.parametrize("said", ["", "M", "-1", -1, "1e3", "1X", "1 0", "٣", "1.5", "1,5G", "1.G", ".5G", "1.5B"])
def test_what_is_not_a_size_is_refused(said: str | int) -> None:
    with pytest.raises(Refused, match="is not a size"):
        parse_size(said)


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (1025, "1 KiB"),
        (1536, "1.5 KiB"),
        ((1 << 20) - 1, "1 MiB"),
        ((1 << 20) - 1000, "1023 KiB"),
        (100 << 20, "100 MiB"),
        (5 << 40, "5 TiB"),
    ],
)
def test_a_size_is_written_with_one_decimal_at_most(size: int, said: str) -> None:
    assert format_size(size) == said


@pytest.mark.parametrize(("size", "said"), [(0, "0 bytes"), (6, "6 bytes"), (1025, "1025 bytes"), (3 << 29, "1.5 GiB"), (1280, "1.25 KiB")])
def test_a_limit_is_written_to_the_byte(size: int, said: str) -> None:
    assert format_limit(size) == said


@given(st.integers(0, 1 << 50))
def test_what_is_written_can_be_read_again(size: int) -> None:
    assert parse_size(format_limit(size).removesuffix(" bytes").removesuffix(" byte")) == size
    assert abs(parse_size(format_size(size).removesuffix(" bytes").removesuffix(" byte")) - size) <= size / 20
