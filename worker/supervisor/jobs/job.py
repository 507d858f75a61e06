"""One job with a process, from its first instruction until none of its processes is left.

It has ended when its leader has ended, its box is empty, and its pipes are drained into its logs; not at the end of file of a pipe, which a
descendant can delay. Processes that the leader left behind are ended as by a stop: the job's stop signal, its grace time, SIGKILL.

If the job lingers and its leader ended by itself, it has ended then; remaining processes continue, and are pumped until they close the
pipes. If the disk is full, it has ended when there is space for all its output; a job that was stopped, when none of its processes is left.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from signal import SIGKILL

from ....schemas import fault_points
from ...keeper.light_process import say
from ...state.log_folders.folders import run_path
from ...state.log_folders.job_files import JobFile, write_limit
from ...state.log_folders.outcomes import outcome_text
from ...state.small_files import RETRY_SECONDS
from .. import facts
from ..containment.containment import Box
from ..containment.memory import Group
from ..services import Services
from ..streams.input import Input
from ..streams.output import Output
from ..streams.pump import Quota, Stream
from ..streams.terminal import Terminal
from .ending import Happening, Reason, Stage
from .job_processes import JobProcesses
from .leaders import Leader, Use
from .lifetime import Lifetime
from .outcome import Course, compose
from .stopping import Stopping

# As from waitpid(2): by SIGKILL, or as a shell tells that of its child.
_KILLED = (SIGKILL, (128 + SIGKILL) << 8)


class Job:
    """A job with a process."""

    __slots__ = (
        "_folder",
        "_lifetime",
        "_linger",
        "_memory",
        "_memory_bytes",
        "_on_end",
        "_oom_kills_before",
        "_output",
        "_processes",
        "_rlimits",
        "_services",
        "_stopping",
        "handle",
        "input",
        "terminal",
    )

    def __init__(  # noqa: PLR0913 -- the parts of a process
        self,
        services: Services,
        file: JobFile,
        folder: str,
        started_at_us: int,
        leader: Leader,
        box: Box,
        *,
        streams: list[Stream],
        quota: Quota,
        on_end: Callable[[Job, str], None],
        paused: bool = False,
        input_: Input | None = None,
        terminal: Terminal | None = None,
        memory: Group | None = None,
    ) -> None:
        """Take ownership of leader, box, streams, input, terminal and memory.

        `on_end` is called with the fact `ended` when none of its processes is left.
        """
        self.handle = file.handle
        # None: it is not fed.
        self.input = input_
        # None: it has none.
        self.terminal = terminal
        self._services = services
        self._linger = file.linger
        self._folder = folder
        self._processes = JobProcesses(services, file.handle, leader, box, is_paused=paused)
        self._stopping = stopping = Stopping(services.loop, self._processes, file.stop_signal, file.grace_ms, self._finish)
        self._lifetime = Lifetime(
            services.loop, services.clock, started_at_us, file.limit_ms, lambda: stopping.happen(Happening.LIMIT_PASSED)
        )
        # None: not limited.
        self._memory = memory
        self._memory_bytes = file.memory_bytes
        self._oom_kills_before = services.oom_kills.recent()
        self._rlimits = file.rlimits
        self._output = Output(services, file.handle, folder, streams, quota, lambda: stopping.happen(Happening.OUTPUT_PASSED), terminal)
        self._on_end = on_end

    def begin(self, age_seconds: float | None = 0.0) -> None:
        """Pump and watch it; `age_seconds` None: its age is not known."""
        self._lifetime.begin(age_seconds)
        self._output.begin()
        if self.input is not None:
            self.input.begin()
        if self._memory is not None:
            self._memory.await_excess(self._services.loop, lambda: self._stopping.happen(Happening.MEMORY_PASSED))
        self._processes.leader.await_end(self._services.loop, self._leader_ended)

    def started_fact(self) -> str:
        """Return the fact that it has a process."""
        processes = self._processes
        return facts.started(
            self.handle,
            processes.leader.pid,
            self._lifetime.started_at_us,
            paused=processes.is_paused,
            waits=self._output.waits,
            stuck=processes.stuck_by,
        )

    def send(self, number: int) -> None:
        """Send a signal to all its processes; a fact reports which of them it did not reach."""
        self._processes.send(number)

    def limit(self, limit_ms: int) -> None:
        """Change its time limit, which counts from its start; 0: none."""
        # With an end, nothing is left that could exceed it: only output that waits for room.
        if self._stopping.stage is not Stage.RUNS or self._lifetime.ended_at_us or limit_ms == (self._lifetime.limit_ms or 0):
            return
        try:
            # Before it counts: a supervisor that adopts the job must not end it by the limit that it had.
            write_limit(self._folder, limit_ms)
        except OSError as error:
            say(f"the time limit of job {self.handle} cannot be written down: {error}")
        self._lifetime.set_limit(limit_ms or None)

    def pause(self) -> None:
        """Suspend all its processes, unless it is being ended; its time limit keeps running. A fact reports whether it is paused now."""
        if self._stopping.stage is Stage.RUNS:
            self._processes.pause()
        else:
            self._processes.tell_whether_paused()

    def resume(self) -> None:
        """Resume it; a fact reports that it is not paused."""
        self._processes.resume()

    def end(self, number: int, grace_ms: int) -> None:
        """Stop it: send a signal to every process, and SIGKILL after the grace time, which a repeated call can only shorten."""
        self._stopping.ask(number, grace_ms)

    def _leader_ended(self, wait_status: int | None) -> None:
        self._processes.wait_status = wait_status
        if self._memory is not None and self._memory.is_exceeded():
            # It may have been killed before anything was said about that.
            self._stopping.happen(Happening.MEMORY_PASSED)
        # A time limit that passes while remaining processes are ended did not end the job.
        self._lifetime.stop_limit()
        self._wind_up()

    def _wind_up(self) -> None:
        box, stopping = self._processes.box, self._stopping
        nothing_left = box.is_empty()
        may_finish = nothing_left or (self._linger and stopping.stage is Stage.RUNS)
        if may_finish:
            self._lifetime.end()
        else:
            self._lifetime.go_on()
        if may_finish and not self._output.drain() and not stopping.reasons:
            # The disk is full: the zombie and its pipes keep what cannot be written.
            self._services.loop.after(RETRY_SECONDS, self._wind_up)
        elif nothing_left:
            stopping.happen(Happening.NOTHING_LEFT)
        else:
            stopping.happen(Happening.LINGERERS_LEFT if self._linger else Happening.REMAINS_LEFT)
            if stopping.stage is not Stage.OVER:
                box.await_empty(self._services.loop, self._wind_up)

    def _finish(self) -> None:
        if fault_points.ARMED:
            fault_points.reach("after-exit-before-outcome")
        if self.input is not None:
            self.input.close()
        outcome = compose(self._course())
        text = outcome_text(outcome)
        # Written, then reaped, then renamed: if this process is killed in between, the next supervisor finds either the outcome or the
        # zombie with its status (through the keeper), and the name shows that the pid was not yet reused when the outcome was missing. If
        # the disk is full, nobody has to wait: the end is reported, and the zombie is kept until the outcome is on disk too.
        written = self._services.outcome_files.write(self.handle, self._folder, text)
        if fault_points.ARMED:
            fault_points.reach("after-outcome-before-reap")
        use = self._processes.leader.reap() if written else Use()
        if fault_points.ARMED:
            fault_points.reach("after-outcome-before-rename")
        self._rename(outcome.ended_at_us)
        if fault_points.ARMED:
            fault_points.reach("after-rename-before-report")
        self._output.end()
        if written and self._memory is None:
            # Somebody may wait for the fact, and nobody for this.
            self._services.loop.postpone(self._put_away)
        elif written:
            # Its group is nobody else's, and is gone when its end is told.
            self._put_away()
        else:
            self._tell_keeper()
            self._services.outcome_files.write_later(self.handle, self._folder, text, self._reap_and_leave)
        self._on_end(self, facts.ended(self.handle, text, use))

    def _reap_and_leave(self) -> None:
        self._processes.leader.reap()
        self._leave()

    def _put_away(self) -> None:
        self._tell_keeper()
        self._leave()

    def _tell_keeper(self) -> None:
        self._services.line.ended(self.handle, self._folder.rpartition("/")[2])

    def _leave(self) -> None:
        if self._linger:
            self._processes.box.await_empty(self._services.loop, self._release)
        else:
            self._release()
        self._output.linger()

    def _release(self) -> None:
        if self._memory is not None:
            self._memory.release(self._services.loop)
        self._processes.box.release()

    def _course(self) -> Course:
        leader, box, wait_status = self._processes.leader, self._processes.box, self._processes.wait_status
        reasons, memory, quota = self._stopping.reasons, self._memory, self._output.quota
        # 137: its shell's child was.
        may_be_killed_for_memory = not reasons and wait_status in _KILLED
        return Course(
            leader.pid,
            self._lifetime.started_at_us,
            self._lifetime.ended_at_us,
            wait_status,
            leader.why_unknown,
            *self._output.sizes(),
            *self._output.problems(),
            reasons[0] if reasons else None,
            self._lifetime.limit_ms,
            quota.limit_bytes,
            self._memory_bytes,
            self._stopping.killed_after_ms,
            is_over_limit=quota.is_exceeded,
            # If this process was told before the kernel killed, it has killed, and the kernel counts nothing.
            is_over_memory=Reason.MEMORY in reasons or (memory is not None and memory.is_exceeded()),
            oom_kills=self._services.oom_kills.since(self._oom_kills_before) if may_be_killed_for_memory else 0,
            lingers=self._linger and not box.is_empty(),
            is_undrained=not self._output.is_drained,
            stdin_problem=self.input.problem if self.input is not None else "",
            cpu_us=box.cpu_us(),
            rlimits=self._rlimits,
            peak_memory_bytes=memory.peak_bytes() if memory is not None else 0,
            moved_bytes=leader.moved_bytes(),
            ended_passed_us=self._lifetime.ended_passed_us,
            untold=self._processes.untold,
        )

    def _rename(self, ended_at_us: int) -> None:
        path = run_path(self._services.logs, self._processes.leader.pid, self._lifetime.started_at_us, ended_at_us)
        try:
            os.rename(self._folder, path)  # noqa: PTH104 -- pathlib is not light
            self._folder = path
            self._output.move(path)
        except OSError as error:
            say(f"the folder of job {self.handle} cannot be renamed: {error}")
