"""A log on its way to a descriptor."""

from __future__ import annotations

import fcntl
import os
from typing import Any, cast

import pytest

from jobwire.client.cli.terminal.copying import Copy
from jobwire.client.cli.terminal.outlet import Outlet
from jobwire.client.library.streams.output import JobOutput
from jobwire.keys import malloc


class Log:
    """A log of which pieces have arrived."""

    def __init__(self, *pieces: bytes) -> None:
        self.position = 0
        self._pieces = list(pieces)

    @property
    def ended(self) -> bool:
        return not self._pieces

    def take(self) -> bytes | None:
        return self._pieces.pop(0) if self._pieces else None

    def skip(self, size: int) -> None:
        self.position += size


def copy(*pieces: bytes, upto: int | None = None) -> tuple[Copy, int]:
    """Return the copy of a log to a pipe, and its read end."""
    read_end, write_end = os.pipe()
    made = Copy(cast("JobOutput", Log(*pieces)), Outlet(write_end), upto)
    os.close(write_end)
    return made, read_end


def test_what_has_arrived_is_written_at_once() -> None:
    made, read_end = copy(b"one", b"two")
    assert made.advance()
    assert not made.advance()
    assert (made.is_done, os.read(read_end, 100)) == (True, b"onetwo")
    made.outlet.close()
    os.close(read_end)


def test_nothing_is_taken_beyond_its_end() -> None:
    made, read_end = copy(b"one", b"two", upto=2)
    assert made.advance()
    assert not made.advance()
    assert (made.is_done, os.read(read_end, 100)) == (True, b"on")
    made.outlet.close()
    os.close(read_end)


def test_the_memory_for_the_pieces_of_a_long_log_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []
    monkeypatch.setattr(malloc, "reuse_buffers", lambda: kept.append(1))
    made, read_end = copy(*[bytes(256 * 1024)] * 40)
    calls = []
    while not made.is_done:
        made.advance()
        calls.append(len(kept))
        while made.is_blocked and os.read(read_end, 1024 * 1024):
            made.advance()
            calls.append(len(kept))
    assert (calls[0], len(kept)) == (0, 1)
    made.outlet.close()
    os.close(read_end)


def test_what_is_shown_directly_waits_behind_what_is_blocked() -> None:
    made, read_end = copy(b"last")
    room = fcntl.fcntl(read_end, fcntl.F_GETPIPE_SZ)
    assert made.show(b"a" * room)
    assert not made.show(b"bc")
    assert not made.show(b"de")
    assert (made.is_blocked, made.written, made.output.position) == (True, room, room + 4)
    assert os.read(read_end, room) == b"a" * room
    assert made.show(b"f")
    assert made.advance()
    assert os.read(read_end, room) == b"bcdeflast"
    assert (made.is_blocked, made.written) == (False, room + len(b"bcdeflast"))
    made.outlet.close()
    os.close(read_end)
