"""What a broker asks a cluster for, and above all what it does not ask for."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from jobwire.broker.growth.plan import MOST_AT_ONCE, QueueView, after_end, plan
from jobwire.broker.growth.room import Demand, Room, Shape
from jobwire.schemas.workers.capacity import PLAIN, Wants
from jobwire.schemas.workers.labels import Where

HOUR = 3600.0
SHAPE = Shape(slots=4, memory_bytes=8 << 30, gpus=0, resources={}, seconds=HOUR, assumed_seconds=HOUR / 2)
GPU_SHAPE = Shape(slots=4, memory_bytes=8 << 30, gpus=2, resources={}, seconds=HOUR, assumed_seconds=HOUR / 2)


def queue(name: str = "q", shape: Shape = SHAPE, **fields: object) -> QueueView:
    return QueueView(**{"name": name, "shape": shape, "most": 100, "living": 0, **fields})  # type: ignore[arg-type]


def test_as_many_are_asked_for_as_the_waiting_jobs_fill() -> None:
    assert plan([Demand(PLAIN, 30)], [], [queue()]).submit == {"q": 8}
    assert plan([Demand(PLAIN, 1)], [], [queue()]).submit == {"q": 1}
    assert plan([], [], [queue()]).submit == {}


def test_a_queue_has_no_more_than_it_may() -> None:
    assert plan([Demand(PLAIN, 1000)], [], [queue(most=3, living=1)]).submit == {"q": 2}
    assert plan([Demand(PLAIN, 1000)], [], [queue(most=3, living=3)]).submit == {}
    assert plan([Demand(PLAIN, 1000)], [], [queue(most=1000)]).submit == {"q": MOST_AT_ONCE}


def test_several_workers_come_at_once() -> None:
    assert plan([Demand(PLAIN, 30)], [], [queue(per_node=2)]).submit == {"q": 4}
    assert plan([Demand(PLAIN, 1)], [], [queue(per_node=2)]).submit == {"q": 1}
    # As many as there may be are counted, not allocations; and none is asked for of which only a part may come.
    assert plan([Demand(PLAIN, 1000)], [], [queue(per_node=3, most=10, living=2)]).submit == {"q": 2}
    assert plan([Demand(PLAIN, 1000)], [], [queue(per_node=3, most=2)]).submit == {}
    # What takes more than one of them has is not for them, however much the allocation has.
    assert plan([Demand(Wants(slots=8), 1)], [], [queue(per_node=2)]).homeless == [Demand(Wants(slots=8), 1)]


def test_nothing_is_asked_for_while_there_is_room() -> None:
    # HyperQueue once asked for allocations although its workers had room.
    assert plan([Demand(PLAIN, 3)], [Room({"slots": 3})], [queue()]).submit == {}
    assert plan([Demand(PLAIN, 4)], [Room({"slots": 3})], [queue()]).submit == {"q": 1}
    # A worker that ends too soon is no room.
    assert plan([Demand(PLAIN, 3)], [Room({"slots": 3}, 60, HOUR / 2)], [queue()]).submit == {"q": 1}


def test_nothing_is_asked_for_what_comes_anyway() -> None:
    assert plan([Demand(PLAIN, 8)], [], [queue(living=2, coming=["a", "b"])]).submit == {}
    assert plan([Demand(PLAIN, 9)], [], [queue(living=2, coming=["a", "b"])]).submit == {"q": 1}


def test_what_comes_and_nothing_waits_for_is_not_needed() -> None:
    found = plan([Demand(PLAIN, 4)], [], [queue(living=3, coming=["a", "b", "c"])])
    assert (found.submit, found.unneeded) == ({}, ["b", "c"])
    # The worker that has joined takes it.
    assert plan([Demand(PLAIN, 4)], [Room({"slots": 4})], [queue(living=1, coming=["a"])]).unneeded == ["a"]


def test_no_allocation_is_asked_for_a_job_that_outlasts_it() -> None:
    long = Wants(limit_seconds=7200)
    found = plan([Demand(long, 5)], [], [queue()])
    assert (found.submit, found.homeless) == ({}, [Demand(long, 5)])
    assert plan([Demand(Wants(limit_seconds=3600), 5)], [], [queue()]).submit == {"q": 2}


def test_a_job_without_a_limit_takes_as_long_as_is_assumed() -> None:
    short = Shape(4, None, 0, {}, seconds=600, assumed_seconds=900)
    assert plan([Demand(PLAIN, 1)], [], [queue(shape=short)]).submit == {}
    assert plan([Demand(Wants(limit_seconds=500), 1)], [], [queue(shape=short)]).submit == {"q": 1}


def test_no_allocation_is_asked_for_that_could_never_run_what_waits() -> None:
    for wants in (Wants(5), Wants(1, (("gpus", 1),)), Wants(1, (("memory", 9 << 30),)), Wants(1, (("license", 1),))):
        found = plan([Demand(wants, 2)], [], [queue()])
        assert (found.submit, found.homeless) == ({}, [Demand(wants, 2)])


def test_memory_that_is_not_known_is_tried() -> None:
    unknown = Shape(4, None, 0, {}, HOUR, HOUR)
    assert plan([Demand(Wants(1, (("memory", 9 << 30),)), 5)], [], [queue(shape=unknown)]).submit == {"q": 2}


def test_a_job_that_asks_for_a_label_is_for_the_queues_whose_workers_have_it() -> None:
    labelled = replace(SHAPE, labels=(("gpu", "a100"),))
    queues = [queue("plain"), queue("gpus", labelled)]

    def asked(on: tuple[str, ...] = (), not_on: tuple[str, ...] = ()) -> dict[str, int]:
        return plan([Demand(Wants(where=Where(on, not_on)), 5)], [], queues).submit

    assert asked(("gpu",)) == asked(("gpu=a100,h100",)) == asked(("gpu=a100", "arch")) == {"gpus": 2}
    assert asked(("gpu=h100",)) == asked(("lab",)) == asked(("host=n1",)) == {}
    # Which node it will be is not known, but one that is not excluded.
    assert asked(not_on=("host=n1", "worker=w")) == asked(not_on=("gpu",)) == {"plain": 2}
    assert asked(not_on=("host",)) == {}


def test_a_job_with_a_label_waits_for_what_is_coming_only_if_that_has_it() -> None:
    wants = Wants(where=Where(("gpu",)))
    labelled = replace(SHAPE, labels=(("gpu", ""),))
    both = [queue("plain", living=1, coming=["a"]), queue("gpus", labelled, living=1, coming=["b"])]
    found = plan([Demand(wants, 4)], [], both)
    assert (found.submit, found.unneeded) == ({}, ["a"])
    assert plan([Demand(wants, 4)], [Room({"slots": 4}, labels=(("arch", "x"),))], [queue("gpus", labelled)]).submit == {"gpus": 1}


def test_a_job_that_no_queue_can_run_does_not_keep_others_from_theirs() -> None:
    found = plan([Demand(Wants(64), 10), Demand(PLAIN, 4)], [], [queue()])
    assert (found.submit, found.homeless) == ({"q": 1}, [Demand(Wants(64), 10)])


def test_many_queues_do_not_ask_for_the_same_job() -> None:
    queues = [queue("a"), queue("b"), queue("c")]
    assert plan([Demand(PLAIN, 1)], [], queues).submit == {"a": 1}
    # What the first may not have, the next asks for.
    full = [queue("a", most=1), queue("b", most=1), queue("c")]
    assert plan([Demand(PLAIN, 9)], [], full).submit == {"a": 1, "b": 1, "c": 1}
    # What comes of one is not asked for by another.
    assert plan([Demand(PLAIN, 1)], [], [queue("a"), queue("b", living=1, coming=["x"])]).submit == {}


def test_each_job_finds_the_queue_that_can_run_it() -> None:
    found = plan([Demand(Wants(1, (("gpus", 1),)), 3), Demand(PLAIN, 1)], [], [queue("cpu"), queue("gpu", GPU_SHAPE)])
    assert found.submit == {"gpu": 2}


def test_a_paused_queue_asks_for_nothing_and_what_it_has_asked_for_still_comes() -> None:
    assert plan([Demand(PLAIN, 8)], [], [queue(paused=True, living=1, coming=["a"])]).submit == {}
    assert plan([Demand(PLAIN, 8)], [], [queue(paused=True, living=1, coming=["a"]), queue("other")]).submit == {"other": 1}


def test_an_idle_worker_that_has_ended_stops_nothing() -> None:
    # HyperQueue once counted that as a failure, and asked for nothing more.
    failures = 0
    for _ in range(10):
        failures, why = after_end(failures, joined=True, why="idle")
        assert (failures, why) == (0, "")
    assert plan([Demand(PLAIN, 1)], [], [queue(living=0)]).submit == {"q": 1}


def test_three_that_never_join_pause_the_queue_and_say_why() -> None:
    count, why = after_end(0, joined=False, why="FAILED")
    count, why = after_end(count, joined=False, why="FAILED")
    assert (count, why) == (2, "")
    # One that joins in between ends the row.
    assert after_end(count, joined=True, why="") == (0, "")
    count, why = after_end(count, joined=False, why="17: FAILED: jobwire: not found")
    assert why == "3 allocations in a row ended before a worker joined; the last one: 17: FAILED: jobwire: not found"


wants = st.builds(
    Wants, st.integers(1, 6), st.sampled_from([(), (("gpus", 1),), (("memory", 5 << 30),)]), limit_seconds=st.sampled_from([0, 60, 9000])
)
demands = st.dictionaries(wants, st.integers(1, 40), max_size=5).map(lambda found: [Demand(*one) for one in found.items()])


@given(demands, st.integers(0, 4), st.integers(0, 6))
def test_what_is_asked_for_is_enough_and_no_more(waiting: list[Demand], coming: int, most: int) -> None:
    names = [str(number) for number in range(coming)]
    found = plan(waiting, [], [queue(shape=GPU_SHAPE, living=coming, coming=names, most=max(most, coming))])
    asked = found.submit.get("q", 0)
    assert coming + asked <= max(most, coming)
    # Nobody asks for more while something comes that nobody needs.
    assert not (asked and found.unneeded)
    again = plan(
        waiting,
        [],
        [queue(shape=GPU_SHAPE, living=coming + asked, coming=[*names, *(f"new{n}" for n in range(asked))], most=coming + asked)],
    )
    assert not set(again.unneeded) - set(names), "each that was asked for is needed"
    if coming + asked < most:
        free = queue(shape=GPU_SHAPE, living=coming + asked, coming=[*names, *(f"new{n}" for n in range(asked))], most=1000)
        assert not plan(waiting, [], [free]).submit or asked == MOST_AT_ONCE
