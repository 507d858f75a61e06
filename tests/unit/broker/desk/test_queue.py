from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jobwire.broker.desk import queue as queue_module
from jobwire.broker.desk.job import BatchRun
from jobwire.broker.desk.queue import Queue
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
    held = sum(len(lane.waiting) for owner in queue._owners.values() for lane in owner.lanes.values())
    assert held <= 10 + queue_module._MOST_WITHDRAWN + 11
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


class QueueAgainstModel(RuleBasedStateMachine):
    """The real queue beside plain lists."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue(3)
        self.waiting: list[tuple[JobKey, BatchRun | None]] = []
        self.running: dict[JobKey, BatchRun | None] = {}
        self.made = 0

    @rule(owner=st.integers(0, 2), width=st.sampled_from([None, 0, 1, 2]))
    def add(self, owner: int, width: int | None) -> None:
        self.made += 1
        batch = None if width is None else BatchRun(bytes([owner, width]) * 8, "", width)
        self.queue.add(key(self.made, owner), batch)
        self.waiting.append((key(self.made, owner), batch))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(self.waiting))
        self.waiting.remove(job)
        self.queue.withdraw(job[0])

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[job]
        self.queue.release(job)

    @rule()
    def take(self) -> None:
        for job in self.queue.take():
            entry = next(entry for entry in self.waiting if entry[0] == job)
            lane = [other for other, batch in self.waiting if other.owner == job.owner and batch == entry[1]]
            assert lane[0] == job, "overtaken within its lane"
            self.waiting.remove(entry)
            self.running[job] = entry[1]
        # Nothing that could start was left.
        if len(self.running) < 3:
            widths = Counter((job.owner, batch) for job, batch in self.running.items())
            for job, batch in self.waiting:
                assert batch is not None, "a free slot and a job that waits"
                assert batch.parallel, "a free slot and a job that waits"
                assert widths[job.owner, batch] >= batch.parallel, "its batch has room"

    @invariant()
    def bounds_hold(self) -> None:
        assert self.queue.running == len(self.running) <= 3
        assert len(self.queue) == len(self.waiting)
        for (_, batch), count in Counter((job.owner, batch) for job, batch in self.running.items()).items():
            assert batch is None or not batch.parallel or count <= batch.parallel


TestQueueAgainstModel = QueueAgainstModel.TestCase
TestQueueAgainstModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
