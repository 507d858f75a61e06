"""The keeper's end of the line to its supervisor: one at a time, for as long as that supervisor lives. Knows no word of it.

Nothing waits, and what the supervisor said before it died is heard.
"""

from __future__ import annotations

import select

from ..wire import datagrams
from ..wire.c_socket import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Line:
    """The line, also while there is none. `hear(line, descriptors)` gets what is said."""

    __slots__ = ("_hear", "_outgoing", "_poll", "_socket", "rests")

    def __init__(self, poll: select.poll, hear: Callable[[str, tuple[int, ...]], None]) -> None:
        self._poll = poll
        self._hear = hear
        self._socket: socket.socket | None = None
        self._outgoing: list[tuple[bytes, tuple[int, ...]]] = []
        # Whether it is not looked at just now; see `rest`.
        self.rests = False

    def open(self, connection: socket.socket) -> None:
        """Listen at this connection from now on."""
        connection.settimeout(0)
        self._socket = connection
        self._poll.register(connection.fileno(), select.POLLIN)

    def say(self, line: str, descriptors: tuple[int, ...] = ()) -> None:
        """Put a line with its descriptors, a datagram of its own, behind what is to be sent; nothing happens where nobody hears."""
        if self._socket is not None:
            self._outgoing.append((line.encode(), descriptors))

    def flush(self) -> None:
        """Send what was said, as far as the supervisor takes it."""
        while self._outgoing and self._socket is not None:
            try:
                datagrams.send_with(self._socket, *self._outgoing[0])
            except BlockingIOError:
                break
            except OSError:
                self.hang_up()
                return
            del self._outgoing[0]
        self._watch()

    def listen(self) -> None:
        """Hear all that is there."""
        while self._socket is not None:
            received = datagrams.receive_with(self._socket)
            if received is None:
                return
            data, descriptors = received
            if not data:
                self.hang_up()
                return
            *former, last = data.decode().split("\n")
            for line in former:
                self._hear(line, ())
            self._hear(last, descriptors)

    def rest(self, *, rests: bool) -> None:
        """Stop waking for each line of the supervisor, of which there are four for each job, or start again."""
        self.rests = rests and self._socket is not None
        self._watch()

    def hang_up(self) -> None:
        """Let go of the line: the supervisor is dead, or about to be."""
        if self._socket is not None:
            self._poll.unregister(self._socket.fileno())
            self._socket.close()
        self._socket = None
        self.rests = False
        self._outgoing = []

    def _watch(self) -> None:
        if self._socket is not None:
            events = 0 if self.rests else select.POLLIN
            self._poll.modify(self._socket.fileno(), events | (select.POLLOUT if self._outgoing else 0))
