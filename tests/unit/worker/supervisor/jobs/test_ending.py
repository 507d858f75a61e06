"""How jobs are brought to their end: the table, and a job that goes by it against what a stop promises, with a clock of the test."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable

from example_counts import at_length, briefly
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jobwire.worker.state.log_folders.job_files import JobFile
from jobwire.worker.supervisor.jobs.ending import TABLE, Effect, Happening, Stage
from jobwire.worker.supervisor.jobs.job import Job
from jobwire.worker.supervisor.jobs.leaders import Use
from jobwire.worker.supervisor.jobs.outcome_files import OutcomeFiles
from jobwire.worker.supervisor.loop import Loop
from jobwire.worker.supervisor.services import Services
from jobwire.worker.supervisor.streams.pump import Quota, Stream

HANDLE = f"{'1' * 32}.{'2' * 64}"
LIMIT_SECONDS = 5.5


def test_a_stop_is_answered_in_every_stage() -> None:
    for stage, stop in itertools.product(Stage, (Happening.STOPPED, Happening.STOPPED_NOW)):
        assert (stage, stop) in TABLE


def test_a_stage_is_never_left_backwards() -> None:
    order = list(Stage)
    for (stage, _), (after, _) in TABLE.items():
        assert order.index(after) >= order.index(stage)


def test_sigkill_is_sent_once_and_the_end_comes_once() -> None:
    for (stage, _), (after, effects) in TABLE.items():
        assert (Effect.KILL in effects) == (after is Stage.KILLED and stage is not Stage.KILLED)
        assert (Effect.FINISH in effects) == (after is Stage.OVER and stage is not Stage.OVER)


class Clock(Loop):
    """A loop whose time passes only when the test moves it."""

    def __init__(self) -> None:
        super().__init__()
        # It waits for nothing.
        self._epoll.close()
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def pass_on(self, seconds: float) -> None:
        until = self.seconds + seconds
        while (timer := min((one for one in self._timers if one.callback), default=None)) is not None and timer.due <= until:
            self.seconds = max(self.seconds, timer.due)
            self._call_due(self.now())
        self.seconds = until


class Processes:
    """Leader, box and keeper of a job, which record what is done to them."""

    pid = 7
    why_unknown = ""

    def __init__(self) -> None:
        self.done: list[object] = []
        self.left = True
        self.leader_ends: Callable[[int | None], None] = lambda _: None
        self.emptied: Callable[[], None] = lambda: None

    def await_end(self, loop: Loop, callback: Callable[[int | None], None]) -> None:
        self.leader_ends = callback

    def reap(self) -> Use:
        return Use()

    def moved_bytes(self) -> None: ...

    def cpu_us(self) -> int:
        return 0

    def pids(self) -> list[int]:
        return [7]

    def is_empty(self) -> bool:
        return not self.left

    def send(self, number: int) -> set[int]:
        if number:
            self.done.append(int(number))
        return set()

    def kill(self) -> None:
        self.done.append("kill")

    def await_empty(self, loop: Loop, callback: Callable[[], None]) -> None:
        self.emptied = callback

    def release(self) -> None: ...

    def drained(self, handle: str) -> None: ...


class Paperless(OutcomeFiles):
    """Writes nothing to the disk."""

    def write(self, handle: str, folder: str, text: str) -> bool:
        return True


class PaperlessJob(Job):
    """Renames nothing on the disk."""

    def _rename(self, ended_at_us: int) -> None: ...


class Model:
    """What a stop promises, without a table: each signal goes out at once, and SIGKILL once, when the shortest grace has passed."""

    def __init__(self, grace: int) -> None:
        self.grace = grace
        self.now = 0.0
        self.kill_at: float | None = None
        self.killed_after: int | None = None
        self.blamed = self.leader_ended = self.over = False
        self.done: list[object] = []

    def stop(self, number: int, grace: int) -> None:
        if self.over:
            return
        if grace:
            self.done += [number, 18]
        if self.killed_after is None and (self.kill_at is None or self.now + grace < self.kill_at):
            self.kill_at, self.shortest = self.now + grace, grace
            self.kill_if_due()

    def kill_if_due(self) -> None:
        if not self.over and self.killed_after is None and self.kill_at is not None and self.kill_at <= self.now:
            self.killed_after = self.shortest
            # The box, and the leader wherever it moved.
            self.done += ["kill", "kill"]

    def stop_as_agreed(self) -> None:
        self.stop(15, self.grace)

    def pass_on(self, seconds: float, limit_at: float | None) -> None:
        until = self.now + seconds
        for at in sorted({limit_at, self.kill_at, until} - {None}):  # type: ignore[type-var]
            if self.now <= at <= until:  # type: ignore[operator]
                self.now = at  # type: ignore[assignment]
                self.kill_if_due()
                if at == limit_at and not self.leader_ended and not self.over:
                    self.pass_limit()
        # A limit may have shortened the grace.
        if self.kill_at is not None and self.now < self.kill_at <= until:
            self.now = self.kill_at
        self.now = max(self.now, min(until, self.kill_at or until))
        self.kill_if_due()
        self.now = until
        self.kill_if_due()

    def pass_limit(self) -> None:
        if self.killed_after is None:
            self.blamed = self.blamed or self.kill_at is None
            self.stop_as_agreed()


class AnEndIsBroughtAbout(RuleBasedStateMachine):
    """Whoever stops a job, how often and how soon, and whatever ends by itself meanwhile."""

    @initialize(grace=st.sampled_from((0, 2, 4)), limited=st.booleans())
    def begin(self, grace: int, *, limited: bool) -> None:
        self.clock = Clock()
        self.processes = Processes()
        self.model = Model(grace)
        self.limit_at = LIMIT_SECONDS if limited else None
        self.facts: list[dict[str, object]] = []
        self.stuck: list[str] = []
        file = JobFile(HANDLE, ["true"], [], "/", False, "", [], int(LIMIT_SECONDS * 1000) if limited else None, 15, grace * 1000)  # noqa: FBT003 -- as in the file
        services = Services(self.clock, self.processes, None, "", self.stuck.append, lambda *_: None)  # type: ignore[arg-type] # reason: doubles
        services.outcome_files = Paperless(self.clock)
        streams = [Stream(name, -1, os.open(os.devnull, os.O_WRONLY)) for name in ("stdout", "stderr")]
        leader = box = self.processes
        self.job = PaperlessJob(services, file, "", 1, leader, box, streams=streams, quota=Quota(), on_end=self.hear)  # type: ignore[arg-type] # reason: doubles
        self.job.begin()

    def hear(self, _job: Job, fact: str) -> None:
        self.facts.append(json.loads(fact))

    @rule(number=st.sampled_from((2, 15)), grace=st.integers(0, 6))
    def somebody_stops_it(self, number: int, grace: int) -> None:
        self.job.end(number, grace * 1000)
        self.model.stop(number, grace)

    @rule(seconds=st.integers(1, 4))
    def time_passes(self, seconds: int) -> None:
        self.clock.pass_on(seconds)
        self.model.pass_on(seconds, self.limit_at)

    @precondition(lambda self: not self.model.leader_ended)
    @rule(status=st.sampled_from((0, 3 << 8, 15, 9)), remains=st.booleans())
    def the_leader_ends(self, status: int, *, remains: bool) -> None:
        self.status = status
        self.processes.left = remains
        self.model.leader_ended = True
        if not remains:
            self.model.over = True
        elif self.model.kill_at is None:
            self.model.stop_as_agreed()
        self.processes.leader_ends(status)

    @precondition(lambda self: self.model.leader_ended and not self.model.over)
    @rule()
    def the_remains_end(self) -> None:
        self.processes.left = False
        self.model.over = True
        self.processes.emptied()

    @invariant()
    def what_was_done_is_what_was_promised(self) -> None:
        assert self.processes.done == self.model.done

    @invariant()
    def it_is_over_when_nothing_is_left_and_only_then(self) -> None:
        assert len(self.facts) == self.model.over
        if self.facts:
            (fact,) = self.facts
            assert (fact["kind"] == "timed_out") == self.model.blamed
            assert ("was killed" in str(fact["sentence"])) == bool(self.status == 9 and self.model.killed_after)

    def teardown(self) -> None:
        """Whatever a stop met, after the longest grace nothing is left to wait for but the kernel."""
        if self.model.kill_at is not None:
            self.time_passes(1000)
            self.what_was_done_is_what_was_promised()
            if not self.model.over:
                assert "kill" in self.processes.done
                assert len(self.stuck) == 1


AnEndIsBroughtAbout.TestCase.settings = briefly(150)
TestAnEndIsBroughtAbout = AnEndIsBroughtAbout.TestCase
TestAnEndIsBroughtAboutAtLength = at_length(AnEndIsBroughtAbout)
