import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.cli.shown.last_lines import last_lines


@pytest.mark.parametrize(
    ("tail", "shown"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"one\ntwo", ["one", "two"]),
        (b"one\ntwo\n", ["one", "two"]),
        (b"0\n1\n2\n3\n", ["1", "2", "3"]),
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"10%\r20%\r100%\nfailed\n", ["100%", "failed"]),
        (b"10%\r20%\r", ["20%"]),
        (b"10%\r\r\r\n", ["10%"]),
        (b"\r".join(b"%d" % number for number in range(5000)), ["4999"]),
        ("a\x0bb\x0cc\x85d\u2028e".encode(), [r"a\x0bb\x0cc\x85d\u2028e"]),
        (b"\x1b[2J\tred\x07\xff", [r"    red\x07\xff"]),
        (b"\x1b]0;a title\x07\x1b[1;31mred\x1b[0m\x1b(B\x1b[?25l \x1b]8;;x\x1b\\link\x1b[\r", [r"red link\x1b["]),
        (b"a \x1b", [r"a \x1b"]),
        (b"x" * 3_000_000, ["... " + "x" * 500]),
        (b"\0" * 10, [r"\x00" * 10]),
        ("é".encode() * 500, ["é" * 500]),
        (b"\xa9" + "é".encode() * 3, [r"\xa9ééé"]),
    ],
)
def test_the_last_lines_are_those_of_a_terminal(tail: bytes, shown: list[str]) -> None:
    assert last_lines(tail, 3) == shown


@given(st.binary(max_size=3000), st.integers(1, 5))
def test_no_output_shows_more_than_its_lines_or_drives_a_terminal(tail: bytes, most: int) -> None:
    shown = last_lines(tail, most)
    assert len(shown) <= most
    assert all(line.isprintable() and len(line) <= 504 for line in shown)
