"""The event loop: descriptors through epoll, and timers. Knows no job. Sleeps while there is nothing to do."""

from __future__ import annotations

import heapq
import math
import select
import sys
import time
from collections.abc import Callable

_EVENTS_A_TURN = 64
_MOST_STALE_TIMERS = 64
# epoll takes an int of milliseconds, which is less than the longest time limit.
_LONGEST_SLEEP_SECONDS = 1_000_000


class Timer:
    """A pending call; `callback` is None after it was made or cancelled."""

    __slots__ = ("callback", "due")

    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self.callback: Callable[[], None] | None = callback

    def __lt__(self, other: Timer) -> bool:
        """Order by time, for the heap."""
        return self.due < other.due


class Loop:
    """Calls back when a descriptor is ready or a timer is due. An exception in a callback is logged, and affects only that callback."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, Callable[[int], object]] = {}
        self._timers: list[Timer] = []
        self._stale = 0
        self._before_sleep: list[Callable[[], bool | None]] = []
        self._postponed: list[Callable[[], None]] = []
        self._ended = False

    def watch(self, fd: int, events: int, callback: Callable[[int], object]) -> None:
        """Call back with the events whenever `fd` is ready (level-triggered). If it is watched already, replace events and callback."""
        if fd in self._watched:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._watched[fd] = callback

    def unwatch(self, fd: int) -> None:
        """Stop watching `fd`. Must be called before it is closed: a duplicate of it would keep it in the epoll."""
        if self._watched.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def now(self) -> float:
        """Return the time of the timers: seconds of CLOCK_MONOTONIC, which cannot be set."""
        return time.monotonic()

    def after(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once, after this time of CLOCK_MONOTONIC."""
        timer = Timer(self.now() + max(0.0, seconds), callback)
        heapq.heappush(self._timers, timer)
        return timer

    def cancel(self, timer: Timer | None) -> None:
        """Cancel a timer; does nothing if it has called back."""
        if timer is None or timer.callback is None:
            return
        timer.callback = None
        self._stale += 1
        # Jobs end long before their time limits: without this, the heap would keep a timer for every job.
        if self._stale > _MOST_STALE_TIMERS and self._stale * 2 > len(self._timers):
            self._timers = [one for one in self._timers if one.callback is not None]
            heapq.heapify(self._timers)
            self._stale = 0

    def before_sleep(self, callback: Callable[[], bool | None]) -> None:
        """Call back after each turn. While that returns True there is more to do, and descriptors are polled without sleeping."""
        self._before_sleep.append(callback)

    def postpone(self, callback: Callable[[], None]) -> None:
        """Call back in `do_postponed`: for work that nothing waits for."""
        self._postponed.append(callback)

    def do_postponed(self) -> None:
        """Run the postponed callbacks, at the end of each turn."""
        if self._postponed:
            postponed, self._postponed = self._postponed, []
            for callback in postponed:
                self._guard(callback)

    def end(self) -> None:
        """Make `run` return after this turn."""
        self._ended = True

    def run(self) -> None:
        """Wait and call back until `end` is called."""
        while True:
            more = [callback for callback in self._before_sleep if self._guard(callback)]
            if self._ended:
                return
            self._call_ready(0 if more else self._seconds_to_sleep())
            # This process may be stopped at any moment: what becomes due from now on waits until more has been heard.
            if self._next_due() <= (now := self.now()):
                self._call_all_ready()
                self._call_due(now)

    def _call_ready(self, seconds: float) -> int:
        """Wait at most this long for descriptors, and call back for those that are ready. Return how many there were."""
        ready = self._epoll.poll(seconds, _EVENTS_A_TURN)
        for fd, events in ready:
            # A callback may have unwatched it, or closed it and opened another with its number: callbacks tolerate a spurious call.
            callback = self._watched.get(fd)
            if callback is not None:
                try:
                    callback(events)
                except Exception:  # noqa: BLE001 -- a bug in what belongs to one job must not end the others
                    log_exception()
        return len(ready)

    def _call_all_ready(self) -> None:
        """Call back for each descriptor that is ready by now.

        What a timer does may depend on that: a job that has ended did not exceed its time limit, however late this process was woken. A
        wait that a signal interrupts, also a stop and SIGCONT, ends without having looked at anything if its time is over.
        """
        # Descriptors that stay ready take turns, so that none is left out.
        for _ in range(len(self._watched) // _EVENTS_A_TURN + 1):
            if self._call_ready(0) < _EVENTS_A_TURN:
                break

    def _next_due(self) -> float:
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
            self._stale -= 1
        return self._timers[0].due if self._timers else math.inf

    def _seconds_to_sleep(self) -> float:
        due = self._next_due()
        return -1 if due == math.inf else min(max(0.0, due - self.now()), _LONGEST_SLEEP_SECONDS)

    def _call_due(self, now: float) -> None:
        while self._next_due() <= now:
            timer = heapq.heappop(self._timers)
            callback, timer.callback = timer.callback, None
            if callback is not None:
                self._guard(callback)

    def _guard(self, callback: Callable[[], bool | None]) -> bool:
        try:
            return bool(callback())
        except Exception:  # noqa: BLE001 -- as above
            log_exception()
            return False


def log_exception() -> None:
    """Write the current exception with its traceback to stderr; without the module traceback, which is large."""
    sys.excepthook(*sys.exc_info())
