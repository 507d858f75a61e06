"""How a worker in an allocation leaves: its broker sends it away when it is idle, or the allocation ends.

It takes no more jobs, stops those that run, and exits when the broker has recorded how they ended, or cannot be reached before time is up.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from dataclasses import dataclass, field

from ...broker.daemon import Daemon
from ...broker.desk.inputs import SetCapacity, Stop
from ...broker.jobs.job import Job, StopOrder
from ...broker.relayed.line import Line
from ...broker.relayed.registry import DEPARTURE
from ...schemas.jobs.spec import DEFAULT_GRACE_MS
from ...schemas.refusal import Code, Refused
from ...schemas.workers.capacity import Settings

_log = logging.getLogger(__name__)

# Slurm kills half a minute after SIGTERM, unless its administrator has set KillWait.
_SECONDS_AFTER_SIGNAL = 25.0
_LONGEST_GRACE_MS = 10_000
# A delivery may have been under way when it began to leave.
_LOOK_AGAIN_SECONDS = 1.0
# An allocation whose worker does not reach its broker is of no use.
_JOIN_SECONDS = 120.0


@dataclass(slots=True)
class Pilot:
    """Ends a worker in time. `left_seconds`: how long the allocation lasts; no job runs in the last `spare_seconds`."""

    left_seconds: float
    spare_seconds: float
    _began: float = field(default_factory=time.monotonic, init=False)
    _timers: list[asyncio.TimerHandle] = field(default_factory=list, init=False)
    _daemon: Daemon | None = field(default=None, init=False)
    _line: Line | None = field(default=None, init=False)
    _is_over: bool = field(default=False, init=False)

    def left_ms(self) -> int:
        """Return for how many milliseconds the worker still gets jobs."""
        return max(0, round((self.left_seconds - self.spare_seconds - (time.monotonic() - self._began)) * 1000))

    def begin(self, daemon: Daemon, line: Line, signals: asyncio.Queue[signal.Signals]) -> None:
        """End the worker when its time is up, or when it cannot reach its broker."""
        loop = asyncio.get_running_loop()
        self._daemon, self._line = daemon, line

        def end() -> None:
            signals.put_nowait(signal.SIGTERM)

        def over() -> None:
            self._is_over = True
            end()

        self._timers = [loop.call_later(self.left_ms() / 1000, over)]
        self._timers.append(loop.call_later(_JOIN_SECONDS, lambda: None if line.has_joined else end()))

    async def depart(self) -> None:
        """Stop all jobs, and return when the broker has recorded all ends, or time is up.

        Raises Refused(UNAVAILABLE) if the worker has never joined.
        """
        daemon, line = self._daemon, self._line
        for timer in self._timers:
            timer.cancel()
        if daemon is None or line is None:
            return
        desk = daemon.desk
        # From now on the broker places nothing here, and what it has placed does not start.
        desk.take(SetCapacity(Settings(slots=0), reset=False, proof=b"", done=daemon.tell_brokers_capacity))
        seconds = max(self.spare_seconds - 5, 5.0) if self._is_over else _SECONDS_AFTER_SIGNAL
        try:
            async with asyncio.timeout(seconds):
                while not await self._settled(daemon):
                    pass
        except TimeoutError:
            if desk.live or line.problem:
                _log.error("the broker does not know yet how %d jobs ended: %s", len(desk.live), line.problem or "some are still running")
            else:
                _log.warning("the output of some jobs is not hashed, or not at the broker yet, and is lost with this worker")
        if not line.has_joined:
            raise Refused(Code.UNAVAILABLE, f"the broker could not be joined: {line.problem}")

    @staticmethod
    async def _settled(daemon: Daemon) -> bool:
        """Stop all jobs, including those that are just arriving; return whether the broker knows all ends within a second."""
        orders = [(key, StopOrder(job.spec.stop_signal, _grace_ms(job), DEPARTURE)) for key, job in daemon.desk.live.items()]
        if orders:
            _log.info("%d jobs are stopped, because the worker leaves", len(orders))
            daemon.desk.take(Stop(orders, b"", lambda: None))
        try:
            async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
                await daemon.all_settled()
        except TimeoutError:
            return False
        return not daemon.desk.live


def _grace_ms(job: Job) -> int:
    asked = DEFAULT_GRACE_MS if job.spec.grace_ms is None else job.spec.grace_ms
    return min(asked, _LONGEST_GRACE_MS)
