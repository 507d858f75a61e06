"""The input of this terminal, for the terminal of a job."""

from __future__ import annotations

import os
import select
import time

from ....schemas.generated import request_pb2
from ....schemas.jobs.terminal import TerminalSize
from ....schemas.naming import JobKey
from ....schemas.refusal import Refused
from ....schemas.wire_codec import key_to_wire
from ...protocol.exchange import Exchange
from ...protocol.pushing.keystrokes import Keystrokes
from ...sockets.connection import Connection
from .detach_keys import DetachKeys, DetachWatch


class Left(Exception):  # noqa: N818 -- a fact
    """Raised when the detach keys were typed, or when this terminal is gone."""

    def __init__(self, *, hung_up: bool = False) -> None:
        super().__init__()
        self.hung_up = hung_up


class Keyboard:
    """Sends the input of descriptor `fd` to the terminal of one job."""

    def __init__(self, connection: Connection, key: JobKey, fd: int, detach_keys: DetachKeys, *, redraws: bool) -> None:
        """`redraws`: make the programs of the job redraw the screen."""
        self._connection = connection
        self._fd = fd
        self._watch = DetachWatch(detach_keys)
        self._exchange: Exchange = connection.ask(request_pb2.Request(feed=request_pb2.Feed(key=key_to_wire(key))))
        connection.belongs_to(self._exchange, self)
        keystrokes = self._exchange.feeding
        if not isinstance(keystrokes, Keystrokes):
            raise TypeError("this exchange does not type at a terminal")
        self._keystrokes = keystrokes
        self._readable = select.poll()
        self._readable.register(fd, select.POLLIN)
        if redraws:
            self._keystrokes.redraw()

    @property
    def exchange(self) -> Exchange:
        """The exchange over which it types."""
        return self._exchange

    @property
    def ended(self) -> bool:
        """Whether nothing more can be typed."""
        return self._exchange.ended

    @property
    def refusal(self) -> Refused | None:
        """Why typing was refused; None: it was not."""
        return self._exchange.refusal

    @property
    def wake_fds(self) -> list[int]:
        """The descriptors that are readable when `advance` is due."""
        return [self._fd] if self._keystrokes.room > 0 else []

    def advance(self) -> None:
        """Send what was typed.

        Raises Left.
        """
        self._pass_on(self._watch.overdue(time.monotonic()))
        if self._keystrokes.room > 0 and self._readable.poll(0):
            self._pass_on(self.read())

    def read(self) -> bytes:
        """Return the input for the job when there is some; the caller sends it.

        Raises Left, after earlier input was sent.
        """
        try:
            typed = os.read(self._fd, self._keystrokes.room)
        except BlockingIOError:
            return b""
        except OSError:
            typed = b""
        if not typed:
            raise Left(hung_up=True)
        passed, leaves = self._watch.take(typed, time.monotonic())
        if leaves:
            self._pass_on(passed)
            raise Left
        return passed

    def _pass_on(self, typed: bytes) -> None:
        if typed:
            self._connection.feed(self._exchange, typed)

    @property
    def due(self) -> float | None:
        """When `advance` is due even without input, on `time.monotonic`."""
        return self._watch.due

    @property
    def pending(self) -> int:
        """How many bytes of input have not reached the job, as far as known."""
        return self._keystrokes.pending

    def resize(self, size: TerminalSize) -> None:
        """Set the size of the job's terminal."""
        self._connection.resize(self._exchange, size)

    def redraw(self, size: TerminalSize) -> None:
        """Make the programs of the job redraw the screen, at this size."""
        self.resize(size._replace(rows=max(1, size.rows - 1)))
        self.resize(size)

    def take_lost(self) -> int:
        """Return how many bytes of input may not have reached the job, since the last call."""
        lost, self._keystrokes.lost = self._keystrokes.lost, 0
        return lost

    def close(self) -> None:
        """Stop typing."""
        self._connection.forget(self._exchange)
