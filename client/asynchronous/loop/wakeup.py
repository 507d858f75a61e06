"""When an event loop must process the traffic of a client: a descriptor is readable, or a time has come. See ZMQ_FD in zmq_getsockopt(3).

All descriptors are in one epoll(7), which the loop watches: sockets come and go without the loop, and a closed one leaves nothing in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import time
from collections.abc import Callable

import zmq

from ....keys.sockets import Socket


class Wakeup:
    """Calls `turn`, never from within one of these methods."""

    def __init__(self, loop: asyncio.AbstractEventLoop, turn: Callable[[], object]) -> None:
        self._loop = loop
        self._turn = turn
        self._poll: select.epoll | None = None
        self._watched: list[Socket | int] = []
        self._soon: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due_at: float | None = None

    def soon(self) -> None:
        """Call `turn` in the next iteration of the loop."""
        if self._soon is None:
            self._soon = self._loop.call_soon(self._turn_now)

    def soon_from_any_thread(self) -> None:
        """Call `turn` in the next iteration of the loop, if it runs: the garbage collector runs in any thread, at any time."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._turn)

    def watch(self, waited_on: list[tuple[Socket | int, int]], due_at: float | None) -> None:
        """Call `turn` when one of these is readable, or at this time on `time.monotonic`."""
        what = [one for one, _ in waited_on]
        same = len(what) == len(self._watched) and all(one is other for one, other in zip(what, self._watched, strict=True))
        # A descriptor that is the same number may be another file.
        if not same or any(isinstance(one, int) for one in what):
            self._watch(what)
        if due_at != self._due_at or (self._timer is None and due_at is not None):
            if self._timer is not None:
                self._timer.cancel()
            self._due_at = due_at
            # Not call_at: the clock of a loop need not be this one.
            self._timer = None if due_at is None else self._loop.call_later(max(0.0, due_at - time.monotonic()), self._timer_fired)

    def close(self) -> None:
        """Stop calling."""
        for handle in (self._soon, self._timer):
            if handle is not None:
                handle.cancel()
        self._watch([])

    def _watch(self, what: list[Socket | int]) -> None:
        if self._poll is not None:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._poll.fileno())
            self._poll.close()
            self._poll = None
        self._watched = what
        if what:
            # Made anew: a process that was forked may hold what is closed here, and then epoll would report it for ever.
            self._poll = select.epoll()
            for one in what:
                self._poll.register(one if isinstance(one, int) else int(one.get(zmq.FD)), select.EPOLLIN)
            self._loop.add_reader(self._poll.fileno(), self._turn)

    def _turn_now(self) -> None:
        self._soon = None
        self._turn()

    def _timer_fired(self) -> None:
        self._timer = self._due_at = None
        self._turn()
