"""Watch a ZeroMQ socket from the asyncio loop by hand.

ZMQ_FD is edge-triggered (zmq_getsockopt(3)): it signals once that something may have changed. A drain ends with EAGAIN or a look at
EVENTS, which both arm it again; after every other send, EVENTS must be checked. Only this module knows about it; `zmq.asyncio` costs
several times the latency.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import zmq

from ...keys.sockets import readable


class EdgeReader:
    """Calls `drain` whenever the socket may have something to read.

    `drain` reads until EAGAIN, or until EVENTS shows that nothing is left, and returns None; or it stops earlier and returns in how many
    seconds to continue. Until then, it is called only when something new arrives, or after a send.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, socket: zmq.Socket[bytes], drain: Callable[[], float | None]) -> None:
        self._loop = loop
        self._socket = socket
        self._drain = drain
        self._scheduled = False
        self._later: asyncio.TimerHandle | None = None
        self._descriptor = int(socket.getsockopt(zmq.FD))
        loop.add_reader(self._descriptor, self._ready)
        self.touch()

    def touch(self) -> None:
        """Check the socket in the next turn: a send may have consumed the edge that signalled something to read."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._look)

    def sent(self) -> None:
        """Check the socket after a send, which may have consumed the edge. If nothing can be read, that arms it again."""
        if not self._scheduled and readable(self._socket):
            self.touch()

    def close(self) -> None:
        """Stop watching; the socket is its owner's to close."""
        self._loop.remove_reader(self._descriptor)
        self._stop_later()
        self._scheduled = True

    def _look(self) -> None:
        self._scheduled = False
        if not self._socket.closed:
            self._ready()

    def _ready(self) -> None:
        # This consumes the edge too: libzmq checks for new messages only now and then while there is something left to read.
        if not readable(self._socket):
            return
        self._stop_later()
        try:
            go_on_in = self._drain()
        except BaseException:
            # A bug must affect only the message that it concerns: nothing signals what was not read.
            self.touch()
            raise
        if self._socket.closed:
            return
        if go_on_in:
            self._later = self._loop.call_later(go_on_in, self.touch)
        elif go_on_in is not None:
            self.touch()

    def _stop_later(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
