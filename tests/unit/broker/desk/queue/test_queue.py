from collections import Counter
from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jobwire.broker.desk.job import BatchRun, RunKey
from jobwire.broker.desk.queue import queue as queue_module
from jobwire.broker.desk.queue.queue import Queue
from jobwire.schemas.naming import JobKey


def key(number: int, owner: int = 0) -> JobKey:
    return JobKey(bytes([owner]) * 32, number.to_bytes(16, "big"))


def test_jobs_start_in_the_order_they_came_as_far_as_there_are_slots() -> None:
    queue = Queue(2)
    for number in range(3):
        queue.add(key(number), None)
    assert queue.take() == [key(0), key(1)]
    assert queue.take() == []
    queue.release(key(0))
    assert queue.take() == [key(2)]


def test_a_queue_that_stands_still_does_not_grow_with_what_was_taken_out_of_it() -> None:
    queue = Queue(1)
    narrow = BatchRun(b"b" * 16, "narrow", 1)
    queue.add(key(0), None)
    assert queue.take() == [key(0)]
    for number in range(1, 10_001):
        queue.add(key(number, owner=number % 3), narrow if number % 2 else None)
        if number > 10:
            queue.withdraw(key(number, owner=number % 3))
    kept = sum(lane.entries() for owner in queue._owners.values() for lane in owner.lanes.values())
    assert kept <= 2 * (10 + 11) + queue_module._MOST_STALE
    taken: list[JobKey] = []
    for _ in range(10):
        queue.release(taken[-1] if taken else key(0))
        taken += queue.take()
    assert sorted(one.id for one in taken) == [key(number).id for number in range(1, 11)]
    assert queue.take() == []
    assert len(queue) == 0


def test_a_batch_keeps_its_width_and_others_pass_it() -> None:
    queue = Queue(4)
    narrow = BatchRun(b"b" * 16, "narrow", 1)
    for number in range(3):
        queue.add(key(number), narrow)
    queue.add(key(9), None)
    assert queue.take() == [key(0), key(9)]
    assert "batch" in queue.why_waiting(key(1))
    queue.release(key(0))
    assert queue.take() == [key(1)]


def test_an_owner_with_a_thousand_jobs_does_not_hold_up_another() -> None:
    queue = Queue(2)
    for number in range(1000):
        queue.add(key(number), None)
    assert queue.take() == [key(0), key(1)]
    queue.add(key(0, owner=1), None)
    queue.release(key(0))
    assert queue.take() == [key(0, owner=1)]


def test_a_withdrawn_job_never_starts() -> None:
    queue = Queue(1)
    queue.add(key(1), None)
    queue.add(key(2), None)
    queue.withdraw(key(1))
    assert queue.take() == [key(2)]
    assert len(queue) == 0


def test_a_job_found_running_after_a_restart_takes_its_slot() -> None:
    queue = Queue(1)
    queue.add_running(key(1), None)
    queue.add(key(2), None)
    assert queue.take() == []
    assert queue.why_waiting(key(2)) == "all 1 slots are in use"


def test_the_priority_of_a_job_counts_among_those_of_its_owner_only() -> None:
    queue = Queue(1)
    queue.add(key(0), None)
    assert queue.take() == [key(0)]
    queue.add(key(1, owner=1), None, -5)
    for number, priority in ((2, 0), (3, 7), (4, 7), (5, -1)):
        queue.add(key(number), None, priority)
    order = []
    for last in (key(0), key(1, owner=1), key(3), key(4), key(2)):
        queue.release(last)
        order += queue.take()
    assert order == [key(1, owner=1), key(3), key(4), key(2), key(5)]


def test_a_job_with_a_higher_priority_passes_those_of_its_own_batch_and_of_others() -> None:
    queue = Queue(1)
    queue.add(key(0), None)
    queue.take()
    wide, other = BatchRun(b"b" * 16, "wide", 0), BatchRun(b"c" * 16, "other", 0)
    queue.add(key(1), wide)
    queue.add(key(2), other)
    queue.add(key(3), other)
    queue.set_priority(key(3), 1)
    assert queue.why_waiting(key(1)) == "all 1 slots are in use; 1 job of a higher priority is before it"
    order = []
    for last in (key(0), key(3), key(1)):
        queue.release(last)
        order += queue.take()
    assert order == [key(3), key(1), key(2)]


def test_a_held_job_is_passed_and_has_its_old_place_when_it_is_released() -> None:
    queue = Queue(1)
    queue.add(key(0), None)
    queue.take()
    for number in (1, 2, 3):
        queue.add(key(number), None, ready=number != 3)
    queue.set_aside(key(1))
    assert (len(queue), queue.waiting_of(key(1).owner)) == (3, 3)
    queue.release(key(0))
    assert queue.take() == [key(2)]
    queue.release(key(2))
    assert queue.take() == []
    assert queue.room == 1
    queue.let_in(key(3))
    queue.let_in(key(1))
    assert queue.take() == [key(1)]


def test_a_job_that_is_held_and_released_again_and_again_starts_once() -> None:
    queue = Queue(1)
    queue.add(key(0), None)
    queue.take()
    queue.add(key(1), None)
    for turn in range(5000):
        queue.set_aside(key(1))
        queue.let_in(key(1))
        queue.set_priority(key(1), turn % 2)
    assert sum(lane.entries() for owner in queue._owners.values() for lane in owner.lanes.values()) < 3000
    queue.release(key(0))
    assert queue.take() == [key(1)]
    queue.release(key(1))
    assert queue.take() == []
    assert len(queue) == 0


def test_the_width_of_a_run_is_changed_while_it_runs() -> None:
    queue = Queue(4)
    run = BatchRun(b"b" * 16, "run", 1)
    for number in range(5):
        queue.add(key(number), run)
    assert queue.take() == [key(0)]
    queue.set_width(RunKey(key(0).owner, run.id), 3)
    assert queue.take() == [key(1), key(2)]
    queue.set_width(RunKey(key(0).owner, run.id), 1)
    queue.release(key(0))
    queue.release(key(1))
    assert queue.take() == []
    queue.set_width(RunKey(key(0).owner, run.id), 0)
    assert queue.take() == [key(3), key(4)]
    queue.set_width(RunKey(key(0).owner, b"x" * 16), 1)


def test_the_heap_of_an_owner_does_not_grow_with_runs_that_are_gone() -> None:
    queue = Queue(1)
    queue.add(key(0), None)
    queue.take()
    queue.add(key(1), None)
    for number in range(2, 10_000):
        queue.add(key(number), BatchRun(number.to_bytes(16, "big"), "", 0))
        queue.withdraw(key(number))
    (owner,) = queue._owners.values()
    assert len(owner.heads) < 2000


class _Waiting(NamedTuple):
    key: JobKey
    batch: BatchRun | None
    order: int


class QueueAgainstModel(RuleBasedStateMachine):
    """The real queue beside plain lists."""

    def __init__(self) -> None:
        super().__init__()
        self.most = dict.fromkeys(range(3), 0)
        self.queue = Queue(3, lambda public: self.most[public[0]])
        self.waiting: dict[JobKey, _Waiting] = {}
        self.priority: dict[JobKey, int] = {}
        self.held: set[JobKey] = set()
        self.running: dict[JobKey, BatchRun | None] = {}
        self.widths: dict[RunKey, int] = {}
        self.made = 0

    @rule(owner=st.integers(0, 2), width=st.sampled_from([None, 0, 1, 2]), priority=st.integers(-2, 2), held=st.booleans())
    def add(self, owner: int, width: int | None, priority: int, held: bool) -> None:  # noqa: FBT001 -- drawn by name
        self.made += 1
        batch = None if width is None else BatchRun(bytes([owner, width]) * 8, "", width)
        job = key(self.made, owner)
        if batch is not None:
            run = RunKey(job.owner, batch.id)
            others = [one for one in (*((w.key, w.batch) for w in self.waiting.values()), *self.running.items()) if one[1] is not None]
            if not any(other.owner == job.owner and one is not None and one.id == batch.id for other, one in others):
                self.widths[run] = batch.parallel
        self.queue.add(job, batch, priority, ready=not held)
        self.waiting[job] = _Waiting(job, batch, self.made)
        self.priority[job] = priority
        if held:
            self.held.add(job)

    def _forget(self, job: JobKey) -> None:
        del self.waiting[job]
        self.held.discard(job)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(sorted(self.waiting)))
        self._forget(job)
        self.queue.withdraw(job)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def hold_or_release(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(sorted(self.waiting)))
        if job in self.held:
            self.held.discard(job)
            self.queue.let_in(job)
        else:
            self.held.add(job)
            self.queue.set_aside(job)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), priority=st.integers(-3, 3))
    def set_priority(self, data: st.DataObject, priority: int) -> None:
        job = data.draw(st.sampled_from(sorted(self.waiting)))
        self.priority[job] = priority
        self.queue.set_priority(job, priority)

    @precondition(lambda self: self.widths)
    @rule(data=st.data(), width=st.integers(0, 2))
    def set_width(self, data: st.DataObject, width: int) -> None:
        run = data.draw(st.sampled_from(sorted(self.widths)))
        self.widths[run] = width
        self.queue.set_width(run, width)

    @rule(owner=st.integers(0, 2), most=st.integers(0, 2))
    def limit(self, owner: int, most: int) -> None:
        self.most[owner] = most

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[job]
        self.queue.release(job)

    def _can_start(self) -> list[_Waiting]:
        """Return which jobs may start now, if there is a slot."""
        widths = Counter((job.owner, batch.id) for job, batch in self.running.items() if batch is not None)
        owners = Counter(job.owner for job in self.running)
        return [
            one
            for one in self.waiting.values()
            if one.key not in self.held
            and not (
                one.batch and (most := self.widths[RunKey(one.key.owner, one.batch.id)]) and widths[one.key.owner, one.batch.id] >= most
            )
            and not ((most := self.most[one.key.owner[0]]) and owners[one.key.owner] >= most)
        ]

    @rule()
    def take(self) -> None:
        for job in self.queue.take():
            can = self._can_start()
            owners = Counter(other.owner for other in self.running)
            assert job in {one.key for one in can}
            fewest = min(owners[one.key.owner] for one in can)
            assert owners[job.owner] == fewest, "an owner with fewer running jobs waits"
            own = [one for one in can if one.key.owner == job.owner]
            best = min(own, key=lambda one: (-self.priority[one.key], one.order))
            assert best.key == job, "not the best of its owner"
            self.running[job] = self.waiting[job].batch
            self._forget(job)
        # Nothing that could start was left.
        assert len(self.running) >= 3 or not self._can_start()

    @invariant()
    def bounds_hold(self) -> None:
        assert self.queue.running == len(self.running) <= 3
        assert len(self.queue) == len(self.waiting)
        assert self.queue.room == max(0, 3 - len(self.running) - (len(self.waiting) - len(self.held)))
        for owner in range(3):
            assert self.queue.waiting_of(bytes([owner]) * 32) == sum(job.owner[0] == owner for job in self.waiting)
        for job in self.waiting:
            assert self.queue.why_waiting(job)


TestQueueAgainstModel = QueueAgainstModel.TestCase
TestQueueAgainstModel.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
