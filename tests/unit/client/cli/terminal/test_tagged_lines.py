import os

import pytest

from jobwire.client.cli.terminal.outlet import Outlet
from jobwire.client.cli.terminal.tagged_lines import LONGEST_LINE, Spout, TaggedCopy, tagged


class Log:
    """A log that has arrived as far as it was put here."""

    def __init__(self) -> None:
        self.items: list[bytes] = []
        self.position = 0
        self.ended = False

    def take(self) -> bytes | None:
        return self.items.pop(0) if self.items else None

    def close(self) -> None:
        self.items.clear()


def test_only_whole_lines_are_written_each_behind_its_tag() -> None:
    assert tagged(b"a: ", b"one\n\ntw") == (b"a: one\na: \n", b"tw")
    assert tagged(b"a: ", b"") == (b"", b"")


def test_a_line_without_end_is_written_in_pieces() -> None:
    lines, rest = tagged(b"a: ", b"x" * (2 * LONGEST_LINE + 1))
    assert lines == (b"a: " + b"x" * LONGEST_LINE + b"\n") * 2
    assert rest == b"x"


def test_a_line_that_was_begun_is_ended_before_one_of_another_log() -> None:
    reading, writing = os.pipe()
    outlet = Outlet(writing)
    spout = Spout(outlet)
    first, second = Log(), Log()
    copies = [TaggedCopy(log, spout, name) for log, name in ((first, "a"), (second, "b"))]  # type: ignore[arg-type] # reason: a double
    first.items = [b"1" * (2 << 20), b"\nrest"]
    second.items = [b"2\n"]
    try:
        for copy in copies:
            copy.advance()
        assert spout.is_blocked
        assert second.items
        found = b""
        first.ended = second.ended = True
        while not all(copy.is_done for copy in copies) or spout.is_blocked:
            found += os.read(reading, 1 << 20)
            for copy in copies:
                copy.advance()
    finally:
        outlet.close()
        os.close(writing)
    with os.fdopen(reading, "rb") as rest:
        found += rest.read()
    lines = found.splitlines()
    assert {line[:3] for line in lines} == {b"a: ", b"b: "}
    assert b"b: 2" in lines
    # What has no end of line gets one.
    assert b"a: rest" in lines
    assert found.endswith(b"\n")


@pytest.mark.parametrize("pieces", [[b"one\ntwo\nlater"], [b"one\n", b"two\n", b"later"]])
def test_a_log_that_goes_on_is_copied_up_to_a_position(pieces: list[bytes]) -> None:
    reading, writing = os.pipe()
    outlet = Outlet(writing)
    log = Log()
    log.items = pieces
    copy = TaggedCopy(log, Spout(outlet), "a", 7)  # type: ignore[arg-type] # reason: a double
    while not copy.is_done:
        copy.advance()
    outlet.close()
    os.close(writing)
    with os.fdopen(reading, "rb") as found:
        assert found.read() == b"a: one\na: two\n"
