"""Where jobs are placed, and that no machine ever has more than it can take, whatever comes and goes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobwire.broker.desk.queue.queue import Queue
from jobwire.broker.desk.queue.stock import End, Taken
from jobwire.broker.fleet.placing import machines, placement
from jobwire.broker.fleet.placing.machines import Machine
from jobwire.broker.fleet.placing.placement import FleetStock
from jobwire.broker.growth.room import Room
from jobwire.schemas.naming import JobKey
from jobwire.schemas.workers.capacity import PLAIN, Capacity, Wants
from jobwire.schemas.workers.labels import Where

GPU = Wants(1, (("gpus", 1),))


def stock(*capacities: Capacity) -> FleetStock:
    made = FleetStock()
    for number, capacity in enumerate(capacities):
        made.set_machine(bytes([number]), f"w{number}", capacity, ready=True)
    return made


def test_a_job_goes_to_the_machine_that_is_least_in_use() -> None:
    fleet = stock(Capacity(2), Capacity(2))
    assert [fleet.take(PLAIN).machine for _ in range(4)] == [b"\0", b"\1", b"\0", b"\1"]
    assert not fleet.fits(PLAIN)


def test_a_gpu_is_kept_for_who_needs_it() -> None:
    fleet = stock(Capacity(2, gpus=("0",)), Capacity(2))
    assert fleet.take(PLAIN).machine == b"\1"
    assert fleet.take(GPU).machine == b"\0"
    assert not fleet.fits(GPU)
    assert fleet.fits(PLAIN)


def test_a_gpu_is_free_again_when_its_job_has_ended() -> None:
    fleet = stock(Capacity(2, gpus=("0",)))
    for _ in range(3):
        taken = fleet.take(GPU)
        assert not fleet.fits(GPU)
        fleet.put_back(GPU, taken)


def test_room_on_two_machines_is_no_room_for_one_job() -> None:
    fleet = stock(Capacity(2), Capacity(2))
    assert fleet.free_slots == 4
    assert not fleet.fits(Wants(3))
    assert fleet.never_fits(Wants(3)) == "no worker is large enough: it takes 3 slots, but there are 2"
    assert not fleet.never_fits(Wants(2))


def test_a_job_that_waits_for_what_a_queue_gives_says_so_and_a_queue_is_no_worker() -> None:
    fleet = stock(labelled(gpu="a100"))
    fleet.set_machine(b"queue q", "q", labelled(lab=""), ready=False, end=End(0.0, 100.0, 1000.0))
    assert fleet.why_nowhere(on("lab")) == "it waits for a worker that is requested through q"
    assert fleet.why_nowhere(on("host=x")) == "no worker has the label host=x; workers: w0"


def test_what_a_machine_had_that_does_not_come_back_counts_no_more_although_its_jobs_have_not_ended() -> None:
    fleet = stock(Capacity(8, gpus=("0",)), Capacity(2))
    taken = fleet.take(GPU)
    fleet.drop_machine(taken.machine)
    assert (fleet.free_slots, fleet.capacity) == (2, Capacity(2))
    assert not fleet.could_fit(Wants(4))
    assert fleet.never_fits(GPU)
    assert fleet.used("slots") == 1
    fleet.put_back(GPU, taken)
    assert fleet.used("slots") == 0
    assert not fleet.could_fit(GPU)
    # Let in again, it is a machine as any other.
    fleet.set_machine(taken.machine, "w0", Capacity(8, gpus=("0",)), ready=True)
    assert fleet.fits(GPU)


def test_a_machine_that_is_let_in_again_before_its_jobs_have_ended_still_has_them() -> None:
    fleet = stock(Capacity(2))
    taken = fleet.take(PLAIN)
    fleet.drop_machine(taken.machine)
    fleet.set_machine(taken.machine, "w0", Capacity(2), ready=True)
    assert fleet.free_slots == 1
    fleet.put_back(PLAIN, taken)
    assert fleet.free_slots == 2


def test_of_one_machine_that_takes_none_it_is_told_why() -> None:
    fleet = stock(labelled(gpu="a100"))
    fleet.set_machine(b"\0", "w0", None, ready=False)
    assert fleet.why_nowhere(on("gpu")) == "the workers that could run it get no jobs now: w0 cannot take jobs now"
    fleet.note_closed(b"\0", "is drained")
    assert fleet.why_nowhere(on("gpu")) == "it can run only on w0, which is drained"
    fleet.set_machine(b"\0", "w0", None, ready=True)
    assert not fleet.why_nowhere(on("gpu"))


def test_a_worker_that_is_on_the_roster_and_not_connected_is_not_told_as_a_missing_label() -> None:
    members = set[str]()
    fleet = FleetStock(is_member=members.__contains__)
    fleet.set_machine(b"\0", "w0", labelled(gpu="a100"), ready=True)
    assert fleet.why_nowhere(on("worker=w7")) == "no worker has the label worker=w7; workers: w0"
    members.add("w7")
    assert fleet.why_nowhere(on("worker=w7")) == "it can run only on w7, which is not connected"
    assert fleet.why_nowhere(on("worker=w8")) == "no worker has the label worker=w8; workers: w0"


def test_a_job_could_run_on_a_machine_of_which_enough_is_known() -> None:
    fleet = stock(labelled(gpu="a100"))
    fleet.set_machine(b"\1", "w1", None, ready=False)
    for _ in range(2):
        fleet.take(PLAIN)
    assert fleet.could_fit_on(b"\0", on("gpu"))
    assert not fleet.could_fit_on(b"\0", on("gpu=h100"))
    assert not fleet.could_fit_on(b"\0", Wants(3))
    assert not fleet.could_fit_on(b"\1", PLAIN)
    assert not fleet.could_fit_on(b"\2", PLAIN)


def labelled(**labels: str) -> Capacity:
    return Capacity(2, labels=tuple(sorted(labels.items())))


def on(*terms: str, slots: int = 1) -> Wants:
    return Wants(slots, where=Where(on=terms))


def test_a_job_goes_only_where_its_labels_are() -> None:
    fleet = stock(labelled(gpu="a100", host="a"), labelled(host="b"), Capacity(9))
    assert fleet.take(on("gpu")).machine == b"\0"
    assert fleet.take(on("worker=w1")).machine == b"\1"
    assert fleet.take(Wants(where=Where(not_on=("gpu",)))).machine == b"\1", "one that tells no labels does not know what is asked"
    assert not fleet.fits(on("worker=w2"))
    assert not fleet.fits(on("gpu", "host=b"))


def test_what_is_remembered_about_machines_that_jobs_name_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "_MOST_NAMED", 3)
    monkeypatch.setattr(machines, "_MOST_UNFIT", 2)
    monkeypatch.setattr(placement, "_MOST_ABLE", 2)
    both = stock(labelled(host="a"))
    for number in range(9):
        assert not both.fits(on(f"worker=x{number}"))
        assert not both.could_fit(on(f"worker=x{number}"))
    assert len(both._unfit._by_machine) == 3
    assert len(both._unfit._others) <= 2
    assert len(both._able) <= 2
    # What was forgotten, and what was not, is found all the same when there is such a machine.
    for number in (0, 8):
        both.set_machine(b"x%d" % number, f"x{number}", labelled(host="b"), ready=True)
        assert both.fits(on(f"worker=x{number}"))
    assert len(both._unfit._by_machine) == 2
    assert not both.fits(on("worker=x9"))
    assert len(both._unfit._by_machine) == 3


def test_labels_that_no_worker_has_are_waited_for_and_named() -> None:
    fleet = stock(labelled(gpu="a100", host="a"), labelled(host="b"))
    assert not fleet.never_fits(on("gpu=h100")), "such a worker may still join"
    assert fleet.why_nowhere(on("gpu=h100")) == "no worker has the label gpu=h100; workers: w0, w1"
    assert fleet.why_nowhere(on("gpu", "host=b")) == "no worker fits all of gpu, host=b; workers: w0, w1"
    assert fleet.why_nowhere(Wants(where=Where(not_on=("host",)))) == "no worker is without the label host; workers: w0, w1"
    assert fleet.why_nowhere(on("gpu", slots=2)) == ""
    fleet.set_machine(b"\1", "w1", Capacity(4), ready=True)
    assert fleet.why_nowhere(on("gpu", slots=3)) == "no worker with gpu is large enough: it takes 3 slots, but there are 2"
    fleet.set_machine(b"\0", "w0", None, ready=False)
    assert fleet.why_nowhere(on("gpu")) == "the workers that could run it get no jobs now: w0 cannot take jobs now"


def test_what_waits_for_room_says_where() -> None:
    fleet = stock(labelled(gpu="a100"), labelled(gpu="h100"), labelled())
    fleet.take(on("gpu=a100", slots=2))
    assert fleet.lacks(on("gpu=a100")) == "1 slot: none of 2 is free on w0"
    fleet.take(on("gpu=h100"))
    assert fleet.lacks(on("gpu", slots=2)) == "2 slots: 1 of 2 is free on w1, and less on 1 other"


def test_what_no_worker_has_said_may_still_come() -> None:
    assert not FleetStock().never_fits(GPU)
    fleet = FleetStock()
    fleet.take_again(GPU, Taken(machine=b"w"))
    assert not fleet.never_fits(GPU)
    assert fleet.why_closed() == "there is no worker"


def test_a_machine_that_is_not_ready_keeps_its_jobs_and_gets_none() -> None:
    fleet = stock(Capacity(2), Capacity(1))
    taken = fleet.take(PLAIN)
    fleet.set_machine(taken.machine, "w0", None, ready=False)
    assert (fleet.free_slots, fleet.used("slots")) == (1, 1)
    assert fleet.take(PLAIN).machine == b"\1"
    assert fleet.why_closed() == ""
    fleet.set_machine(b"\1", "w1", None, ready=False)
    assert fleet.why_closed() == "no worker is ready: w0, w1 cannot take jobs now"
    fleet.note_closed(b"\1", "is drained")
    assert fleet.why_closed() == "no worker is ready: w1 is drained; w0 cannot take jobs now"
    fleet.put_back(PLAIN, taken)
    assert fleet.used("slots") == 1


def test_room_is_held_on_one_machine_and_the_other_is_used() -> None:
    fleet = stock(Capacity(4), Capacity(1))
    fleet.take(Wants(3))
    assert fleet.leaves(PLAIN, Wants(4))


def test_no_job_is_placed_where_it_would_not_end_in_time() -> None:
    now = 100.0
    fleet = FleetStock(lambda: now)
    fleet.set_machine(b"p", "pilot", Capacity(4), ready=True, end=End(1000.0, 300.0))
    assert fleet.timed(PLAIN, None) is PLAIN
    fits, outlasts = fleet.timed(PLAIN, 899_001), fleet.timed(PLAIN, 900_001)
    assert fleet.fits(fits)
    assert not fleet.fits(outlasts)
    assert fleet.never_fits(outlasts) == "it may run for 15m1s, and the worker that could run it the longest ends in 15m"
    assert fleet.take(fits).machine == b"p"
    assert fleet.rooms() == [Room({"slots": 3, "memory": 0, "gpus": 0}, 900.0, 300.0)]
    # One without a time limit is expected to take so long.
    assert fleet.fits(PLAIN)
    now = 701.0
    assert not fleet.fits(PLAIN)
    assert fleet.never_fits(PLAIN) == "it has no time limit, and the worker that could run it the longest ends in 4m59s"
    # Where nothing ends, both run.
    fleet.set_machine(b"w", "worker", Capacity(2), ready=True)
    assert fleet.take(outlasts).machine == b"w"
    assert fleet.take(PLAIN).machine == b"w"


def test_a_machine_that_does_not_come_back_is_forgotten_when_nothing_runs_there() -> None:
    fleet = stock(Capacity(2), Capacity(1))
    taken = fleet.take(Wants(2))
    fleet.drop_machine(taken.machine)
    assert fleet.used_on(taken.machine) == 2
    assert fleet.never_fits(Wants(2))
    fleet.put_back(Wants(2), taken)
    assert fleet.used_on(taken.machine) == 0


wants = st.builds(Wants, st.integers(1, 3), st.sampled_from([(), (("gpus", 1),), (("license", 2),)]), st.just(""))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), wants),
        st.tuples(st.just("end"), st.integers(0, 20)),
        st.tuples(st.just("ready"), st.tuples(st.integers(0, 2), st.booleans())),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(steps)
def test_no_machine_has_more_than_it_can_take_and_nothing_waits_beside_room_for_it(steps: list[tuple[str, object]]) -> None:
    capacities = [Capacity(2), Capacity(3, gpus=("0",)), Capacity(1, resources=(("license", 2),))]
    fleet = stock(*capacities)
    queue = Queue(0, stock=fleet)
    asked: dict[JobKey, Wants] = {}
    running: dict[JobKey, bytes] = {}
    number = 0
    for what, value in steps:
        if what == "add" and isinstance(value, Wants):
            number += 1
            key = JobKey(b"o", number.to_bytes(2, "big"))
            asked[key] = value
            queue.add(key, None, wants=value)
        elif what == "end" and isinstance(value, int) and running:
            key = list(running)[value % len(running)]
            del running[key], asked[key]
            queue.release(key)
        elif what == "ready" and isinstance(value, tuple):
            fleet.set_machine(bytes([value[0]]), f"w{value[0]}", None, ready=value[1])
            queue.stock_changed()
        for key in queue.take():
            running[key] = queue.taken_by(key).machine
        for index, capacity in enumerate(capacities):
            there = [asked[key] for key, machine in running.items() if machine == bytes([index])]
            assert sum(one.slots for one in there) <= capacity.slots
            for name, total in capacity.totals().items():
                assert sum(one.amount(name) for one in there) <= total
        assert fleet.used("slots") == sum(asked[key].slots for key in running)
        if len(queue) and not queue._choice.passed:
            assert not any(fleet.fits(one) for key, one in asked.items() if key not in running)


def test_what_takes_more_than_is_free_on_most_machines_is_not_looked_for_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = stock(*[Capacity(2, gpus=("0",) if number % 2 else ()) for number in range(100)])
    for _ in range(50):
        fleet.take(GPU)
        fleet.take(PLAIN)
    looked, fits = [0], Machine.fits

    def count(machine: Machine, wants: Wants, now: float) -> bool:
        looked[0] += 1
        return fits(machine, wants, now)

    monkeypatch.setattr(Machine, "fits", count)
    assert not fleet.fits(GPU)
    assert not fleet.fits(Wants(2))
    assert fleet.fits(PLAIN)
    assert looked[0] < 5
