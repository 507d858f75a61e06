from jobwire.broker.desk.queue.heaps import MOST_STALE
from jobwire.broker.desk.queue.queue import Queue
from jobwire.broker.jobs.job import BatchRun, RunKey
from jobwire.schemas.naming import JobKey
from jobwire.schemas.workers.capacity import PLAIN, Capacity, Wants


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


def test_at_most_so_many_start_at_once_as_are_asked_for() -> None:
    queue = Queue(5)
    for number in range(6):
        queue.add(key(number), None)
    assert queue.take(2) == [key(0), key(1)]
    assert queue.take(2) == [key(2), key(3)]
    assert queue.take(2) == [key(4)]


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
    assert kept <= 2 * (10 + 11) + MOST_STALE
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
    assert queue.why_waiting(key(2)) == "the only slot is in use"


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
    assert queue.why_waiting(key(1)) == "the only slot is in use; 1 job of a higher priority is before it"
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


def test_who_does_not_fit_is_passed_a_limited_number_of_times_and_then_room_is_held() -> None:
    queue = Queue(2)
    queue.add(key(0), None)
    queue.add(key(1), None)
    running = queue.take()
    queue.add(key(2), None, wants=Wants(2))
    for number in range(3, 30):
        queue.add(key(number), None)
    passed = 0
    while key(2) not in running:
        queue.release(running.pop(0))
        started = queue.take()
        passed += len(started) if key(2) not in started else 0
        running += started
        if passed < 8:
            assert queue.why_waiting(key(2)) == "it waits for 2 slots: none of 2 is free"
    assert passed == 8
    assert running == [key(2)]


def test_what_gets_free_is_held_and_that_is_said() -> None:
    queue = Queue(2)
    for number in range(12):
        queue.add(key(number), None, wants=Wants(2) if number == 2 else PLAIN)
    running = queue.take()
    for _ in range(9):
        queue.release(running.pop(0))
        running += queue.take()
    assert queue.why_waiting(key(2)) == "it waits for 2 slots: 1 of 2 is free; what becomes free is reserved for it"
    assert queue.why_waiting(key(11)) == "room is reserved for a job that has waited longer and needs more"


def test_a_job_that_takes_nothing_of_what_is_scarce_does_not_pass_one_that_waits_for_it() -> None:
    queue = Queue(4)
    queue.set_capacity(Capacity(4, gpus=("a",)))
    one = Wants(1, (("gpus", 1),))
    queue.add(key(0), None, wants=one)
    queue.add(key(1), None, wants=one)
    assert queue.take() == [key(0)]
    assert queue.taken_by(key(0)).gpus == ("a",)
    for number in range(2, 100):
        queue.add(key(number), None)
        assert queue.take() == [key(number)]
        queue.release(key(number))
    queue.release(key(0))
    assert queue.take() == [key(1)]


def test_the_owner_with_the_smallest_share_of_anything_is_next() -> None:
    queue = Queue(10)
    queue.set_capacity(Capacity(10, resources=(("license", 4),)))
    queue.add(key(0), None, wants=Wants(1, (("license", 3),)))
    queue.add(key(1, owner=1), None, wants=Wants(5))
    assert queue.take() == [key(0), key(1, owner=1)]
    # Three quarters of the licences are more than half of the slots.
    for number in (2, 3):
        queue.add(key(number), None)
        queue.add(key(number, owner=1), None)
    assert queue.take() == [key(2, owner=1), key(3, owner=1), key(2), key(3)]


def test_batches_of_one_owner_take_turns() -> None:
    queue = Queue(4)
    wide, other = BatchRun(b"b" * 16, "wide", 0), BatchRun(b"c" * 16, "other", 1)
    for number in range(10):
        queue.add(key(number), wide)
    for number in range(10, 20):
        queue.add(key(number), other)
    # What the width of the other does not use goes to the first.
    assert queue.take() == [key(0), key(10), key(1), key(2)]


def test_of_the_jobs_with_one_name_one_runs_in_whatever_batch() -> None:
    queue = Queue(4)
    run = BatchRun(b"b" * 16, "run", 0)
    lone = Wants(only_one="x")
    queue.add(key(0), None, wants=lone)
    queue.add(key(1), run, wants=lone)
    queue.add(key(2, owner=1), None, wants=lone)
    assert queue.take() == [key(0), key(2, owner=1)]
    assert queue.why_waiting(key(1)) == "only one 'x' runs at once, and another one is running"
    queue.release(key(0))
    assert queue.take() == [key(1)]


def test_what_cannot_fit_any_more_waits_and_holds_up_nobody() -> None:
    queue = Queue(4)
    queue.add(key(0), None, wants=Wants(3))
    queue.set_capacity(Capacity(2))
    for number in range(1, 50):
        queue.add(key(number), None)
        assert queue.take() == [key(number)]
        queue.release(key(number))
    assert queue.why_waiting(key(0)) == "it takes 3 slots, but there are 2: it can start when there is more"
    queue.set_capacity(Capacity(3))
    assert queue.take() == [key(0)]


def test_demand_is_what_could_start_now_if_there_were_room_for_all() -> None:
    queue = Queue(1, lambda public: 5 if public[0] == 2 else 0)
    narrow = BatchRun(b"b" * 16, "narrow", 2)
    for number in range(4):
        queue.add(key(number), narrow)
    queue.add(key(10), None, wants=Wants(4))
    queue.add(key(11), None, ready=False)
    queue.add(key(12), None, wants=Wants(only_one="db"))
    queue.add(key(13), None, wants=Wants(only_one="db"))
    for number in range(9):
        queue.add(key(number, owner=2), None)
    # Two of the batch, none that is held, one of those of which one runs at once, five of the owner who may run five.
    assert queue.demand() == {PLAIN: 2 + 5, Wants(4): 1, Wants(only_one="db"): 1}
    assert queue.take() == [key(0)]
    assert queue.demand() == {PLAIN: 1 + 5, Wants(4): 1, Wants(only_one="db"): 1}
    for number in (1, 2, 3):
        queue.withdraw(key(number))
    queue.set_aside(key(10))
    assert queue.demand() == {PLAIN: 5, Wants(only_one="db"): 1}
    queue.let_in(key(10))
    queue.set_priority(key(10), 3)
    assert queue.demand()[Wants(4)] == 1
