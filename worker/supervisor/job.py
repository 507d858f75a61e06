"""One job with a process: from its first instruction until nothing of it is left.

It has ended when its leader ended, its box is empty, and what was in its pipes is in its logs; never at the end of file of a pipe, which a
descendant can put off. What the leader left behind is ended as a stop does it: the job's stop signal, its grace, SIGKILL.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from ...broker.clock import Clock
from ..folders import STREAMS, JobFile, OutcomeFile, outcome_text, run_path, to_json, write_outcome
from ..keeper_loop import say
from .containment import Box, Boxes
from .ending import TABLE, Effect, Happening, Stage
from .keeper_line import KeeperLine
from .leaders import Leader, Use
from .loop import Loop, Timer
from .outcome import judge
from .pump import DISK_FULL, RETRY_SECONDS, Pump

_STUCK_SECONDS = 10


class Yard:
    """What all jobs share."""

    def __init__(self, loop: Loop, line: KeeperLine, boxes: Boxes, logs: str, report: Callable[[str], None]) -> None:
        self.loop = loop
        self.line = line
        self.boxes = boxes
        self.logs = logs
        self.report = report
        # Jobs that ended, but into whose pipes something may still write.
        self.lingering: set[str] = set()
        self.clock = Clock()

    def pump_on(self, handle: str, pumps: list[Pump]) -> None:
        """Tell the keeper when a job that ended is drained: at once, usually.

        A process that escaped may still write. Then it is pumped until it hangs up, or it would wait for ever.
        """

        def look() -> None:
            if not any(pump.is_open for pump in pumps):
                self.lingering.discard(handle)
                self.line.say(f"drained {handle}")

        self.lingering.add(handle)
        for pump in pumps:
            pump.when_closed = look
        look()


class Job:
    """A job with a process."""

    __slots__ = (
        "_box",
        "_folder",
        "_grace_ms",
        "_kill",
        "_killed_after_ms",
        "_leader",
        "_limit",
        "_limit_passed_ms",
        "_on_end",
        "_pumps",
        "_stage",
        "_started_at_us",
        "_stop_signal",
        "_stuck",
        "_time_limit_ms",
        "_wait_status",
        "_yard",
        "handle",
    )

    def __init__(self, yard: Yard, file: JobFile, folder: str, started_at_us: int, leader: Leader, box: Box, pumps: list[Pump]) -> None:
        self.handle = file.handle
        self._yard = yard
        self._stop_signal = file.stop_signal
        self._grace_ms = file.grace_ms
        self._time_limit_ms = file.time_limit_ms
        self._folder = folder
        self._started_at_us = started_at_us
        self._leader = leader
        self._box = box
        self._pumps = pumps
        self._stage = Stage.RUNS
        self._wait_status: int | None = None
        self._limit: Timer | None = None
        self._limit_passed_ms = 0
        self._kill: Timer | None = None
        self._killed_after_ms: int | None = None
        self._stuck: Timer | None = None
        self._on_end: Callable[[Job, str], None] | None = None

    def begin(self, on_end: Callable[[Job, str], None], age_seconds: float = 0.0) -> None:
        """Pump, watch, and call back with the fact `ended` when nothing is left."""
        self._on_end = on_end
        for pump in self._pumps:
            pump.begin()
        if self._time_limit_ms is not None:
            self._limit = self._yard.loop.after(self._time_limit_ms / 1000 - age_seconds, lambda: self._happen(Happening.LIMIT_PASSED))
        self._leader.await_end(self._yard.loop, self._leader_ended)

    def started_fact(self) -> str:
        """Say that it has a process."""
        return f'{{"fact":"started","job":"{self.handle}","pid":{self._leader.pid},"started_at_us":{self._started_at_us}}}'

    def send(self, number: int) -> None:
        """Send one signal to every process of it."""
        self._box.send(number)

    def end(self, number: int, grace_ms: int) -> None:
        """End it: a signal to every process, and SIGKILL after the grace. Said again, it can only become shorter."""
        self._happen(Happening.STOPPED if grace_ms > 0 else Happening.STOPPED_NOW, number, grace_ms)

    def _happen(self, what: Happening, number: int = 0, grace_ms: int = 0) -> None:
        """Move on in the table of ending.py and carry its effects out; `number` and `grace_ms` are those of this stop."""
        self._stage, effects = TABLE[self._stage, what]
        for effect in effects:
            match effect:
                case Effect.SIGNAL:
                    self._box.send(number)
                    # A stopped process would not get to see the signal.
                    self._box.send(signal.SIGCONT)
                case Effect.LET_GRACE_RUN:
                    self._let_grace_run(grace_ms)
                case Effect.KILL:
                    self._kill_all(grace_ms)
                case Effect.STOP_AS_AGREED:
                    self.end(self._stop_signal, self._grace_ms)
                case Effect.BLAME_LIMIT:
                    self._limit_passed_ms = self._time_limit_ms or 0
                case Effect.FINISH:
                    self._finish()

    def _let_grace_run(self, grace_ms: int) -> None:
        if self._kill is None or self._kill.due > self._yard.loop.now() + grace_ms / 1000:
            self._yard.loop.cancel(self._kill)
            self._kill = self._yard.loop.after(grace_ms / 1000, lambda: self._happen(Happening.GRACE_PASSED, 0, grace_ms))

    def _kill_all(self, grace_ms: int) -> None:
        self._yard.loop.cancel(self._kill)
        self._killed_after_ms = grace_ms
        self._stuck = self._yard.loop.after(_STUCK_SECONDS, self._report_stuck)
        self._box.kill()
        self._leader.kill()

    def _report_stuck(self) -> None:
        pids = sorted({*self._box.pids(), self._leader.pid} if self._wait_status is None else self._box.pids())
        self._yard.report(to_json({"fact": "stuck", "job": self.handle, "pids": pids}))

    def _leader_ended(self, wait_status: int | None) -> None:
        self._wait_status = wait_status
        # A limit that passes while the remains are cleared away did not end the job.
        self._yard.loop.cancel(self._limit)
        if self._box.is_empty():
            self._nothing_left()
            return
        self._happen(Happening.LEADER_ENDED)
        self._box.await_empty(self._yard.loop, self._nothing_left)

    def _nothing_left(self) -> None:
        self._happen(Happening.NOTHING_LEFT)

    def _finish(self) -> None:
        drained = [pump.drain() for pump in self._pumps]
        outcome = self._outcome()
        text = outcome_text(outcome)
        if not all(drained) or not self._write(text):
            # The disk is full: the zombie and its pipes keep what we cannot write.
            self._yard.loop.after(RETRY_SECONDS, self._finish)
            return
        self._yard.loop.cancel(self._kill)
        self._yard.loop.cancel(self._stuck)
        # Written, then reaped, then renamed: killed in between, the next of us finds either the outcome or the zombie with its status
        # (by its keeper), and by the name it knows that the pid was not yet given away when the outcome was missing.
        use = self._leader.reap()
        folder = self._rename(outcome.ended_at_us)
        self._box.release()
        self._yard.line.say(f"ended {self.handle} {folder}")
        self._yard.pump_on(self.handle, self._pumps)
        if self._on_end is not None:
            self._on_end(self, ended_fact(self.handle, text, use))

    def _outcome(self) -> OutcomeFile:
        verdict = judge(
            self._wait_status,
            why_unknown=self._leader.why_unknown,
            limit_passed_ms=self._limit_passed_ms,
            killed_after_ms=self._killed_after_ms,
        )
        stdout, stderr = self._pumps
        for name, pump in zip(STREAMS, self._pumps, strict=True):
            if pump.problem:
                verdict.sentence += f"; its {name} is not whole: {pump.problem}"
        return OutcomeFile(
            kind=verdict.kind,
            exit_status=verdict.exit_status,
            signal=verdict.signal,
            sentence=verdict.sentence,
            pid=self._leader.pid,
            started_at_us=self._started_at_us,
            ended_at_us=self._yard.clock.now_us(),
            stdout_bytes=stdout.size,
            stderr_bytes=stderr.size,
        )

    def _write(self, text: str) -> bool:
        try:
            write_outcome(self._folder, text)
        except OSError as error:
            if error.errno in DISK_FULL:
                return False
            # Somebody removed the folder, for instance. The fact still goes up.
            say(f"the outcome of {self.handle} could not be written: {error}")
        return True

    def _rename(self, ended_at_us: int) -> str:
        path = run_path(self._yard.logs, self._leader.pid, self._started_at_us, ended_at_us)
        try:
            os.rename(self._folder, path)  # noqa: PTH104 -- pathlib is not light
        except OSError as error:
            say(f"the folder of {self.handle} keeps its name: {error}")
        return path.rpartition("/")[2]


def ended_fact(handle: str, outcome: str, use: Use) -> str:
    """Make the fact `ended` out of the text of an outcome."""
    return f'{{"fact":"ended","job":"{handle}",{outcome[1:-1]},{to_json(use._asdict())[1:]}'
