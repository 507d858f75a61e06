"""Watch a ZeroMQ socket from the asyncio loop by hand.

ZMQ_FD is edge-triggered (zmq_getsockopt(3)): it tells that something may have changed, once. After every drain, and after every
send, EVENTS must be looked at again. This is the one place that knows it; `zmq.asyncio` costs several times the latency.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import zmq

# An enum's `&` takes longer than the look itself.
_POLLIN = int(zmq.POLLIN)


class EdgeReader:
    """Calls `drain` whenever the socket may have something to read.

    `drain` reads until EAGAIN; or stops earlier, and returns in how many seconds to go on. Until then only what arrives anew, and
    sends, have it called.
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
        """Look at the socket in the next turn: a send may have taken the edge that told of something to read."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._look)

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
        # This takes the edge, too: libzmq looks only now and then for what arrived while there is something left to read.
        if not readable(self._socket):
            return
        self._stop_later()
        go_on_in = self._drain()
        if self._socket.closed:
            return
        if go_on_in:
            self._later = self._loop.call_later(go_on_in, self.touch)
        elif go_on_in is not None or readable(self._socket):
            self.touch()

    def _stop_later(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None


def readable(socket: zmq.Socket[bytes]) -> bool:
    """Say whether a read would find something now."""
    return bool(int(socket.getsockopt(zmq.EVENTS)) & _POLLIN)
