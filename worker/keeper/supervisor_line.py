"""The keeper's end of the line to its supervisor: one connection at a time, while that supervisor is alive. Knows none of its words.

Nothing blocks, and lines that the supervisor sent before it died are received.
"""

from __future__ import annotations

import select

from ...keys.c_socket import socket
from ..wire import datagrams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Line:
    """The line, even while there is no supervisor. `hear(line, descriptors)` is called with each line."""

    __slots__ = ("_hear", "_outgoing", "_poll", "_socket", "rests")

    def __init__(self, poll: select.poll, hear: Callable[[str, tuple[int, ...]], None]) -> None:
        self._poll = poll
        self._hear = hear
        self._socket: socket.socket | None = None
        self._outgoing: list[tuple[bytes, tuple[int, ...]]] = []
        # Whether it is not read at present, see `rest`.
        self.rests = False

    def open(self, connection: socket.socket) -> None:
        """Use this connection from now on."""
        connection.settimeout(0)
        self._socket = connection
        self._poll.register(connection.fileno(), select.POLLIN)

    def say(self, line: str, descriptors: tuple[int, ...] = ()) -> None:
        """Queue a line with its descriptors, as a datagram of its own; does nothing without a supervisor."""
        if self._socket is not None:
            self._outgoing.append((line.encode(), descriptors))

    def flush(self) -> None:
        """Send queued lines as far as the socket accepts them."""
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
        """Process all lines that have arrived."""
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
        """Pause or resume waking up for each line of the supervisor, of which there are four per job."""
        self.rests = rests and self._socket is not None
        self._watch()

    def hang_up(self) -> None:
        """Close the line: the supervisor is dead, or about to be."""
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
