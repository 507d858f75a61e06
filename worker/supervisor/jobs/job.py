"""One job with a process: from its first instruction until nothing of it is left.

It has ended when its leader ended, its box is empty, and what was in its pipes is in its logs; never at the end of file of a pipe, which a
descendant can put off. What the leader left behind is ended as a stop does it: the job's stop signal, its grace, SIGKILL.

If the job lingers and its leader ended by itself, it has ended then; what is left goes on, and is pumped until it hangs up. If the disk
is full it has ended when there is room for all its output; but one that was told to end is waited for only until nothing of it runs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from ....schemas import fault_points
from ....schemas.clock import passed_us
from ...keeper.light_process import say
from ...state.folders import STREAMS, run_path
from ...state.job_files import JobFile, OutcomeFile, outcome_text
from ...state.notes import mark_over_limit, note_problem
from ...state.small_files import RETRY_SECONDS, to_json
from ..containment.containment import Box
from ..containment.unreached import not_ours, outlived_kill
from ..facts import ended_fact, started_fact
from ..job_context import Yard
from ..loop import Timer
from .ending import TABLE, Effect, Happening, Stage
from .leaders import Leader, Use
from .outcome import judge, what_is_missing
from .pump import Pump

_STUCK_SECONDS = 10


class Job:
    """A job with a process."""

    __slots__ = (
        "_began_us",
        "_box",
        "_drained",
        "_ended_at_us",
        "_folder",
        "_grace_ms",
        "_kill",
        "_killed_after_ms",
        "_leader",
        "_limit",
        "_linger",
        "_on_end",
        "_output_limit_bytes",
        "_paused",
        "_pumps",
        "_reason",
        "_stage",
        "_started_at_us",
        "_stop_signal",
        "_stuck",
        "_stuck_by",
        "_time_limit_ms",
        "_wait_status",
        "_yard",
        "handle",
    )

    def __init__(
        self,
        yard: Yard,
        file: JobFile,
        folder: str,
        started_at_us: int,
        leader: Leader,
        box: Box,
        pumps: list[Pump],
        *,
        paused: bool = False,
    ) -> None:
        self.handle = file.handle
        self._yard = yard
        self._stop_signal = file.stop_signal
        self._grace_ms = file.grace_ms
        self._time_limit_ms = file.time_limit_ms
        self._output_limit_bytes = file.output_limit_bytes
        self._linger = file.linger
        self._folder = folder
        self._started_at_us = started_at_us
        self._leader = leader
        self._box = box
        self._pumps = pumps
        self._stage = Stage.RUNS
        self._drained = False
        # Since when nothing was left but output that is not in its logs yet; 0: something is.
        self._ended_at_us = 0
        # When it began, on a clock that nobody sets; None: not known.
        self._began_us: int | None = None
        self._wait_status: int | None = None
        self._limit: Timer | None = None
        self._paused = paused
        # Who wanted its end first: `asked`, `time` or `output`; empty: nobody.
        self._reason = ""
        self._kill: Timer | None = None
        self._killed_after_ms: int | None = None
        self._stuck: Timer | None = None
        # Which processes cannot be ended, in words, as far as that was noticed.
        self._stuck_by = ""
        self._on_end: Callable[[Job, str], None] | None = None

    def begin(self, on_end: Callable[[Job, str], None], age_seconds: float | None = 0.0) -> None:
        """Pump, watch, and call back with the fact `ended` when nothing is left; `age_seconds` None: nobody knows."""
        self._on_end = on_end
        self._began_us = None if age_seconds is None else passed_us() - int(age_seconds * 1_000_000)
        self._yard.tell_of_waiting(self.handle, self._pumps)
        for pump, stream in zip(self._pumps, STREAMS, strict=True):
            pump.quota.on_exceeded = self._over_limit
            # Should we die before it has ended, the next of us must know: what was dropped left no trace.
            pump.on_problem = lambda why, stream=stream: note_problem(self._folder, stream, why)
            pump.begin()
        if self._pumps[0].quota.is_exceeded:
            # It was being ended for it when the former supervisor died.
            self._over_limit()
        if self._time_limit_ms is not None:
            left = self._time_limit_ms / 1000 - (age_seconds or 0)
            self._limit = self._yard.loop.after(left, lambda: self._happen(Happening.LIMIT_PASSED))
        self._leader.await_end(self._yard.loop, self._leader_ended)

    def started_fact(self) -> str:
        """Say that it has a process."""
        waits = any(pump.waits for pump in self._pumps)
        return started_fact(self.handle, self._leader.pid, self._started_at_us, paused=self._paused, waits=waits, stuck=self._stuck_by)

    def send(self, number: int) -> None:
        """Send one signal to every process of it; a fact tells who did not get it."""
        self._yard.report(to_json({"fact": "signalled", "job": self.handle, "why": not_ours(self._box.send(number), "signalled")}))

    def pause(self) -> None:
        """Let all of it stand still, unless it is being ended; its limit of time goes on. A fact tells whether it is paused now."""
        if self._stage is Stage.RUNS:
            refused = self._box.freeze()
            self._paused = True
            if refused:
                # All of it or nothing.
                self._thaw(not_ours(refused, "suspended"))
                return
        self._tell_whether_paused()

    def resume(self) -> None:
        """Let it go on; a fact tells that it does."""
        if self._paused:
            self._thaw()
        else:
            self._tell_whether_paused()

    def end(self, number: int, grace_ms: int) -> None:
        """End it: a signal to every process, and SIGKILL after the grace. Said again, it can only become shorter."""
        self._blame("asked")
        self._stop(number, grace_ms)

    def _stop(self, number: int, grace_ms: int) -> None:
        self._happen(Happening.STOPPED if grace_ms > 0 else Happening.STOPPED_NOW, number, grace_ms)

    def _happen(self, what: Happening, number: int = 0, grace_ms: int = 0) -> None:
        """Move on in the table of ending.py and carry its effects out; `number` and `grace_ms` are those of this stop."""
        self._stage, effects = TABLE[self._stage, what]
        for effect in effects:
            match effect:
                case Effect.SIGNAL:
                    refused = self._box.send(number)
                    # A stopped process would not get to see the signal. One that stands still sees it before anything else.
                    self._box.send(signal.SIGCONT)
                    self._thaw()
                    self._tell_who_cannot_be_ended(refused)
                case Effect.LET_GRACE_RUN:
                    self._let_grace_run(grace_ms)
                case Effect.KILL:
                    self._kill_all(grace_ms)
                case Effect.STOP_AS_AGREED:
                    self._stop(self._stop_signal, self._grace_ms)
                case Effect.BLAME_TIME:
                    self._blame("time")
                case Effect.BLAME_OUTPUT:
                    self._blame("output")
                case Effect.THAW:
                    self._thaw()
                case Effect.FINISH:
                    self._finish()

    def _blame(self, reason: str) -> None:
        self._reason = self._reason or reason

    def _let_grace_run(self, grace_ms: int) -> None:
        if self._kill is None or self._kill.due > self._yard.loop.now() + grace_ms / 1000:
            self._yard.loop.cancel(self._kill)
            self._kill = self._yard.loop.after(grace_ms / 1000, lambda: self._happen(Happening.GRACE_PASSED, 0, grace_ms))

    def _thaw(self, why: str = "") -> None:
        if self._paused:
            self._box.thaw()
            self._paused = False
            self._tell_whether_paused(why)

    def _tell_whether_paused(self, why: str = "") -> None:
        self._yard.report(to_json({"fact": "paused", "job": self.handle, "paused": self._paused, "why": why}))

    def _tell_who_cannot_be_ended(self, refused: set[int]) -> None:
        beyond = self._box.beyond(refused) if refused else set()
        if beyond:
            self._tell_stuck(sorted(beyond), not_ours(beyond, "ended"))

    def _tell_stuck(self, pids: list[int], why: str) -> None:
        self._stuck_by = why
        self._yard.report(to_json({"fact": "stuck", "job": self.handle, "pids": pids, "why": why}))

    def _kill_all(self, grace_ms: int) -> None:
        self._yard.loop.cancel(self._kill)
        self._killed_after_ms = grace_ms
        self._stuck = self._yard.loop.after(_STUCK_SECONDS, self._report_stuck)
        self._box.kill()
        self._leader.kill()
        # Signal 0 asks only whether one could be sent.
        self._tell_who_cannot_be_ended(self._box.send(0))

    def _report_stuck(self) -> None:
        pids = sorted({*self._box.pids(), self._leader.pid} if self._wait_status is None else self._box.pids())
        self._tell_stuck(pids, outlived_kill(pids, self._box.send(0)))

    def _over_limit(self) -> None:
        # As above.
        mark_over_limit(self._folder)
        self._happen(Happening.OUTPUT_PASSED)

    def _leader_ended(self, wait_status: int | None) -> None:
        self._wait_status = wait_status
        # A limit that passes while the remains are cleared away did not end the job.
        self._yard.loop.cancel(self._limit)
        self._wind_up()

    def _wind_up(self) -> None:
        nothing_left = self._box.is_empty()
        may_finish = nothing_left or (self._linger and self._stage is Stage.RUNS)
        self._ended_at_us = (self._ended_at_us or self._end_date()) if may_finish else 0
        if may_finish and not self._drain() and not self._reason:
            # The disk is full: the zombie and its pipes keep what we cannot write.
            self._yard.loop.after(RETRY_SECONDS, self._wind_up)
        elif nothing_left:
            self._happen(Happening.NOTHING_LEFT)
        else:
            self._happen(Happening.LINGERERS_LEFT if self._linger else Happening.REMAINS_LEFT)
            if self._stage is not Stage.OVER:
                self._box.await_empty(self._yard.loop, self._wind_up)

    def _end_date(self) -> int:
        """Say when it ends now: as long after its start as it lasted, whatever became of the machine's clock meanwhile."""
        if self._began_us is None:
            return max(self._started_at_us, self._yard.clock.now_us())
        return self._started_at_us + max(0, passed_us() - self._began_us)

    def _drain(self) -> bool:
        self._drained = all([pump.drain() for pump in self._pumps])  # noqa: C419 -- both, also where the first cannot be drained
        return self._drained

    def _finish(self) -> None:
        self._yard.loop.cancel(self._kill)
        self._yard.loop.cancel(self._stuck)
        if fault_points.ARMED:
            fault_points.reach("after-exit-before-outcome")
        outcome = self._outcome()
        text = outcome_text(outcome)
        # Written, then reaped, then renamed: killed in between, the next of us finds either the outcome or the zombie with its status
        # (by its keeper), and by the name it knows that the pid was not yet given away when the outcome was missing. Where there is no
        # room to write, nobody has to wait for that: it is told, and the zombie is kept until the outcome is on disk too.
        written = self._yard.write(self.handle, self._folder, text)
        if fault_points.ARMED:
            fault_points.reach("after-outcome-before-reap")
        use = self._leader.reap() if written else Use()
        if fault_points.ARMED:
            fault_points.reach("after-outcome-before-rename")
        self._rename(outcome.ended_at_us)
        if fault_points.ARMED:
            fault_points.reach("after-rename-before-report")
        if written:
            self._leave()
        else:
            self._yard.write_later(self.handle, self._folder, text, self._reap_and_leave)
        if self._on_end is not None:
            self._on_end(self, ended_fact(self.handle, text, use))

    def _reap_and_leave(self) -> None:
        self._leader.reap()
        self._leave()

    def _leave(self) -> None:
        if self._linger:
            self._box.await_empty(self._yard.loop, self._box.release)
        else:
            self._box.release()
        self._yard.pump_on(self.handle, self._pumps, self._folder)

    def _outcome(self) -> OutcomeFile:
        verdict = judge(
            self._wait_status,
            why_unknown=self._leader.why_unknown,
            limit_passed_ms=(self._time_limit_ms or 0) if self._reason == "time" else 0,
            output_limit_bytes=self._output_limit_bytes if self._reason == "output" else None,
            killed_after_ms=self._killed_after_ms,
        )
        stdout, stderr = self._pumps
        if stdout.quota.is_exceeded and self._reason != "output":
            verdict.sentence += "; what it wrote beyond its output limit was dropped"
        if self._linger and not self._box.is_empty():
            verdict.sentence += "; what it left behind goes on"
        if not self._drained:
            verdict.sentence += "; the disk is full, and the last of its output comes into its log when there is room"
        verdict.sentence += what_is_missing(verdict.sentence, dict(zip(STREAMS, (pump.problem for pump in self._pumps), strict=True)))
        return OutcomeFile(
            kind=verdict.kind,
            exit_status=verdict.exit_status,
            signal=verdict.signal,
            sentence=verdict.sentence,
            pid=self._leader.pid,
            started_at_us=self._started_at_us,
            ended_at_us=self._ended_at_us,
            stdout_bytes=stdout.size,
            stderr_bytes=stderr.size,
            stdout_problem=stdout.problem,
            stderr_problem=stderr.problem,
        )

    def _rename(self, ended_at_us: int) -> None:
        path = run_path(self._yard.logs, self._leader.pid, self._started_at_us, ended_at_us)
        try:
            os.rename(self._folder, path)  # noqa: PTH104 -- pathlib is not light
            self._folder = path
        except OSError as error:
            say(f"the folder of {self.handle} keeps its name: {error}")
        self._yard.line.say(f"ended {self.handle} {self._folder.rpartition('/')[2]}")
