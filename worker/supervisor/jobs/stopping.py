"""Bring one job to its end: carry out on its processes what ending.py decides, at once or when a grace time has passed.

Does not notice by itself what happens to the job, and knows neither output nor outcome: job.py reports events, and finishes the job.
"""

from __future__ import annotations

from collections.abc import Callable

from ..loop import Loop, Timer
from .ending import TABLE, Effect, Happening, Reason, Stage
from .job_processes import JobProcesses

_STUCK_SECONDS = 10


class Stopping:
    """The stage of one job, and why it is to end. `finish` is called once, when it is over."""

    __slots__ = ("_finish", "_grace_ms", "_loop", "_processes", "_stop_signal", "_timer", "killed_after_ms", "reasons", "stage")

    def __init__(self, loop: Loop, processes: JobProcesses, stop_signal: int, grace_ms: int, finish: Callable[[], None]) -> None:
        """`stop_signal` and `grace_ms`: those that were agreed on for this job."""
        self._loop = loop
        self._processes = processes
        self._stop_signal = stop_signal
        self._grace_ms = grace_ms
        self._finish = finish
        self.stage = Stage.RUNS
        # The first is why it ends; none: its end was not requested.
        self.reasons: tuple[Reason, ...] = ()
        # The grace time after which it was killed; None: it was not.
        self.killed_after_ms: int | None = None
        # When it is killed, or, if it was, when it counts as stuck.
        self._timer: Timer | None = None

    def ask(self, number: int, grace_ms: int) -> None:
        """Stop it for somebody: send a signal to every process, and SIGKILL after the grace time, which can only become shorter."""
        self._blame(Reason.ASKED)
        self._stop(number, grace_ms)

    def happen(self, what: Happening, number: int = 0, grace_ms: int = 0) -> None:
        """Process an event by the table of ending.py; `number` and `grace_ms` are those of this stop."""
        self.stage, effects = TABLE[self.stage, what]
        for effect in effects:
            match effect:
                case Effect.FINISH:
                    self._loop.cancel(self._timer)
                    self._finish()
                case Effect.SIGNAL:
                    self._processes.ask_to_end(number)
                case Effect.LET_GRACE_RUN:
                    self._let_grace_run(grace_ms)
                case Effect.KILL:
                    self._kill(grace_ms)
                case Effect.STOP_AS_AGREED:
                    self._stop(self._stop_signal, self._grace_ms)
                case Effect.THAW:
                    self._processes.thaw()
                case Reason():
                    self._blame(effect)

    def _stop(self, number: int, grace_ms: int) -> None:
        self.happen(Happening.STOPPED if grace_ms > 0 else Happening.STOPPED_NOW, number, grace_ms)

    def _blame(self, reason: Reason) -> None:
        if reason not in self.reasons:
            self.reasons += (reason,)

    def _let_grace_run(self, grace_ms: int) -> None:
        if self._timer is None or self._timer.due > self._loop.now() + grace_ms / 1000:
            self._loop.cancel(self._timer)
            self._timer = self._loop.after(grace_ms / 1000, lambda: self.happen(Happening.GRACE_PASSED, 0, grace_ms))

    def _kill(self, grace_ms: int) -> None:
        self._loop.cancel(self._timer)
        self.killed_after_ms = grace_ms
        self._timer = self._loop.after(_STUCK_SECONDS, self._processes.tell_who_outlived_a_kill)
        self._processes.kill()
