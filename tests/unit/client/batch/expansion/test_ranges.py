import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.batch.expansion.ranges import NotRange, parse_range


def numbers(text: str) -> list[str]:
    found = parse_range(text)
    assert found is not None
    made = list(found.texts())
    assert len(made) == found.count
    return made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1..3", "1 2 3"),
        ("3..1", "3 2 1"),
        ("7..7", "7"),
        ("-2..1", "-2 -1 0 1"),
        ("0..10..5", "0 5 10"),
        ("0..9..5", "0 5"),
        ("10..1..-4", "10 6 2"),
        ("10..1..4", "10 6 2"),
        ("08..11", "08 09 10 11"),
        ("1..010..4", "001 005 009"),
        ("0.1..0.3..0.1", "0.1 0.2 0.3"),
        ("1..2..0.50", "1.00 1.50 2.00"),
        ("0.3..0.1..0.1", "0.3 0.2 0.1"),
        (" 1 .. 2 ", "1 2"),
    ],
)
def test_both_ends_belong_to_a_range(text: str, expected: str) -> None:
    assert numbers(text) == expected.split()


@pytest.mark.parametrize(
    "text", ["", "1", "1..", "..2", "a..c", "1...3", "1-3", "../x", "1..2..3..4", "\uff11..\uff13", "1e3..2", "0x1..3"]
)
def test_what_is_no_range_is_a_text(text: str) -> None:
    assert parse_range(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [("1..5..0", "step of 0"), ("1..5..-1", "counts up"), ("0.1..0.5", "no step"), ("0.1..0.5..0.0", "step of 0")],
)
def test_a_range_that_cannot_be_counted_says_why(text: str, why: str) -> None:
    with pytest.raises(NotRange, match=why):
        parse_range(text)


def test_a_long_range_is_counted_without_being_made() -> None:
    found = parse_range("1..999999999999999999")
    assert found is not None
    assert found.count == 999_999_999_999_999_999


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 7))
def test_a_range_is_that_of_python_with_its_end(first: int, last: int, step: int) -> None:
    down = last < first
    expected = range(first, last + (-1 if down else 1), -step if down else step)
    assert numbers(f"{first}..{last}..{step}") == [str(number) for number in expected]
