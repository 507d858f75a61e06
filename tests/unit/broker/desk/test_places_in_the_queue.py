"""Decisions about jobs that wait, run and are tried again, on a disk that takes its time, beside plain rules about who is next."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from types import MappingProxyType

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jobwire.broker.desk.decide import decide
from jobwire.broker.desk.effects import ChooseOn, Continue, Launches, Settle
from jobwire.broker.desk.inputs import (
    Alter,
    Asked,
    Due,
    Facts,
    Following,
    Input,
    Moment,
    Reconsidered,
    SetCapacity,
    SetWidth,
    Start,
    Stop,
    Written,
)
from jobwire.broker.desk.queue.queue import Queue
from jobwire.broker.desk.state import State
from jobwire.broker.engine import Ended, Fact, Started
from jobwire.broker.jobs.job import BatchRun, Job, RunKey, StopOrder
from jobwire.broker.jobs.life import ENDED, WAITING
from jobwire.broker.writes.jobs import Added, AddJobs
from jobwire.schemas.jobs.retry import RetryRule
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import AttemptKey, JobKey
from jobwire.schemas.workers.capacity import Capacity, Settings

OWNERS = (b"a" * 32, b"b" * 32)
CLAIMS: tuple[dict[str, object], ...] = ({}, {}, {}, {"cpus": 2}, {"gpus": 1}, {"only_one": "x"})
RETRIES = (None, RetryRule(1), RetryRule(3), RetryRule(2, delay_ms=1000))
WIDTHS = (None, None, 0, 1)
SECOND_US = 1_000_000


def waits_for_room(job: Job) -> bool:
    """Return whether a job, or the next attempt at it, waits for nothing but room."""
    return job.latest.phase in WAITING and job.held_by is None and not job.not_before_us


class WatchedQueue(Queue):
    """A queue that compares each choice with what could be chosen."""

    live: Mapping[JobKey, Job] = MappingProxyType({})

    def take(self, most: float = math.inf) -> list[JobKey]:
        chosen: list[JobKey] = []
        left = {key: job for key, job in self.live.items() if key in self._places and waits_for_room(job)}
        while len(chosen) < most:
            able = [job for job in left.values() if self.could_start(job)]
            is_held = self._choice.holds_any_room()
            if not (found := super().take(1)):
                assert is_held or not able, "a slot is left to nobody"
                break
            job = left.pop(found[0])
            assert job in able, "it cannot start"
            for other in able:
                if other.key.owner == job.key.owner and not is_held:
                    assert other.priority <= job.priority, "one of a higher priority is overtaken"
                    if (other.batch, other.wants) == (job.batch, job.wants):
                        assert (-job.priority, job.row) <= (-other.priority, other.row), "one that came before is overtaken"
            chosen += found
        return chosen

    def could_start(self, job: Job) -> bool:
        place = self._places[job.key]
        is_open = not place.lane.width or place.lane.running < place.lane.width
        return is_open and job.wants.only_one not in place.owner.busy and not self.is_full and self.stock.fits(job.wants)


class PlacesInTheQueue(RuleBasedStateMachine):
    """Jobs start in their order, each attempt once and after the end of the one before is on disk; a slot is never left to nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = WatchedQueue(2)
        self.state = State(self.queue, capacity=Capacity(2, gpus=("gpu-a",)))
        self.queue.live = self.state.live
        self.queue.set_capacity(self.state.capacity)
        # What comes after a failure says nothing.
        self.has_failed = False
        self.now = SECOND_US
        self.made = self.rows = self.seq = 0
        self.writes: deque[int] = deque()
        self.later: deque[Input] = deque()
        self.launched: set[AttemptKey] = set()
        self.running: dict[AttemptKey, Started] = {}
        self.settled: set[AttemptKey] = set()
        self.untold: list[Fact] = []
        self.ended_us: dict[AttemptKey, int] = {}

    def take(self, one: Input) -> None:
        self.has_failed = True
        inbox = deque([one])
        while inbox:
            following = inbox.popleft()
            moment = None if isinstance(following, Written) else Moment(self.now, self.now, self.now, self.now)
            decision = decide(self.state, following, moment)
            assert not decision.failures
            if decision.reconsiders:
                inbox.appendleft(Reconsidered())
            for effect in decision.effects:
                match effect:
                    case Launches():
                        self.launch(effect)
                    case Settle():
                        self.settled.update(effect.keys)
                    case ChooseOn():
                        self.later.append(Reconsidered())
                    case Continue():
                        self.later.append(Following())
                    case _:
                        pass
            self.writes += decision.writes
        self.has_failed = False

    def launch(self, effect: Launches) -> None:
        for launch in effect.launches:
            key = launch.key
            assert key not in self.launched, "launched twice"
            if key.attempt > 1:
                before = key._replace(attempt=key.attempt - 1)
                assert before in self.settled, "the end of the attempt before is not on disk"
                rule = launch.spec.retry
                assert rule is not None
                assert self.now >= self.ended_us[before] + rule.delay_ms * 1000, "before its delay has passed"
            self.launched.add(key)
            self.running[key] = started = Started(key, 100 + len(self.launched), self.now)
            self.untold.append(started)

    # --- requests

    @rule(
        owner=st.sampled_from(OWNERS),
        priorities=st.lists(st.integers(-1, 1), min_size=1, max_size=3),
        retry=st.sampled_from(RETRIES),
        claims=st.sampled_from(CLAIMS),
        width=st.sampled_from(WIDTHS),
    )
    def submit(self, owner: bytes, priorities: list[int], retry: RetryRule | None, claims: dict[str, object], width: int | None) -> None:
        batch = None if width is None else BatchRun(bytes([width]) * 16, "run", width)
        asked = []
        for priority in priorities:
            self.made += 1
            spec = JobSpec(argv=(b"x",), priority=priority, retry=retry, **claims)  # type: ignore[arg-type] # reason: of a spec
            asked.append(Asked(self.made.to_bytes(16, "big"), spec, b"digest", b"spec"))
        self.take(Start(owner, asked, batch, b"proof", None, lambda _: None))

    @precondition(lambda self: self.state.live)
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.state.live)))
        self.take(Stop([(key, StopOrder(15, 0, "somebody"))], b"stop", lambda: None))
        # What has a process is ended by the engine.
        job = self.state.live[key]
        if job.stop is not None and job.attempt.key in self.running:
            self.end(job.attempt.key, Outcome(OutcomeKind.SIGNALED, signal=15))

    @precondition(lambda self: self.state.live)
    @rule(data=st.data(), held=st.sampled_from((None, True, False)), priority=st.sampled_from((None, -2, 2)))
    def alter(self, data: st.DataObject, held: bool | None, priority: int | None) -> None:  # noqa: FBT001 -- drawn by name
        key = data.draw(st.sampled_from(sorted(self.state.live)))
        self.take(Alter([key], held, priority, None, "somebody", b"change", lambda _: None))

    @precondition(lambda self: self.state.runs)
    @rule(data=st.data(), width=st.integers(0, 2))
    def set_width(self, data: st.DataObject, width: int) -> None:
        run: RunKey = data.draw(st.sampled_from(sorted(self.state.runs)))
        self.take(SetWidth([run], width, b"width", lambda: None))

    @rule(slots=st.integers(1, 3))
    def set_slots(self, slots: int) -> None:
        self.take(SetCapacity(Settings(slots=slots), reset=False, proof=b"slots", done=lambda: None))

    # --- the disk, the engine and the clock

    @precondition(lambda self: self.writes)
    @rule()
    def the_disk_has_written(self) -> None:
        number = self.writes.popleft()
        write = self.state.under_way[number].write
        first = self.seq + 1
        if isinstance(write, AddJobs):
            self.seq += len(write.jobs)
            rows = range(self.rows + 1, self.rows + 1 + len(write.jobs))
            self.rows += len(write.jobs)
            self.take(Written(number, Added(rows, frozenset(), first, write.batch)))
        else:
            self.seq += sum(len(change.events) for change in write.changes)
            self.take(Written(number, first))

    @precondition(lambda self: self.later)
    @rule()
    def the_loop_turns(self) -> None:
        self.take(self.later.popleft())

    @precondition(lambda self: self.running)
    @rule(data=st.data(), status=st.sampled_from((0, 1, 1)))
    def a_process_ends(self, data: st.DataObject, status: int) -> None:
        self.end(data.draw(st.sampled_from(sorted(self.running))), Outcome(OutcomeKind.EXITED, exit_status=status))

    def end(self, key: AttemptKey, outcome: Outcome) -> None:
        started = self.running.pop(key)
        self.ended_us[key] = self.now
        self.untold.append(Ended(key, started.pid, started.started_at_us, self.now, outcome))

    @precondition(lambda self: self.untold)
    @rule(count=st.integers(1, 3))
    def facts_arrive(self, count: int) -> None:
        told, self.untold = self.untold[:count], self.untold[count:]
        self.take(Facts(told))

    @rule()
    def time_passes(self) -> None:
        self.now += SECOND_US
        self.take(Due())

    # --- what holds

    @invariant()
    def the_queue_is_where_the_jobs_are(self) -> None:
        entering = {job.key for pending, _ in self.state.entering for job in pending.jobs}
        for key, job in self.state.live.items():
            if key in entering:
                continue
            is_waiting = job.latest.phase in WAITING
            place = self.queue._places.get(key)
            assert (place is None) == (job.latest.phase in ENDED)
            if place is not None:
                assert (place.rank is not None) == is_waiting
                assert not is_waiting or (place.rank, place.aside) == ((-job.priority, job.row), not waits_for_room(job))
        assert self.queue._places.keys() <= self.state.live.keys()
        in_use = sum(job.wants.slots for job in self.state.live.values() if self.queue.occupied_by(job.key) is not None)
        assert self.queue.stock.used_slots == in_use

    def teardown(self) -> None:
        """Everything comes to an end, and nothing is left."""
        if self.has_failed:
            return
        for _ in range(2000):
            held = [job.key for job in self.state.live.values() if job.held_by is not None and job.latest.phase in WAITING]
            if self.writes:
                self.the_disk_has_written()
            elif self.later:
                self.the_loop_turns()
            elif self.untold:
                self.facts_arrive(len(self.untold))
            elif held:
                self.take(Alter(held, held=False, priority=None, time_limit_ms=None, by="", proof=b"", done=lambda _: None))
            elif self.queue.slots < 2:
                self.set_slots(2)
            elif self.running:
                self.end(next(iter(self.running)), Outcome(OutcomeKind.EXITED))
            elif self.state.live:
                assert self.state.deadlines, "what waits is never started"
                self.time_passes()
            else:
                break
        assert not self.state.live
        assert not self.queue._owners
        assert not self.queue.stock.is_in_use
        assert not self.state.deadlines


PlacesInTheQueue.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestPlacesInTheQueue = PlacesInTheQueue.TestCase
