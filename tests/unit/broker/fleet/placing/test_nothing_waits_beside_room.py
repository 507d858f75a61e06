"""However many different jobs of one owner wait for other machines: none waits for which a machine has room."""

from __future__ import annotations

import itertools
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobwire.broker.desk.queue import choice
from jobwire.broker.desk.queue.queue import Queue
from jobwire.broker.desk.queue.stock import Stock
from jobwire.broker.fleet.placing.placement import FleetStock
from jobwire.schemas.naming import JobKey
from jobwire.schemas.workers.capacity import MEMORY, PLAIN, Capacity, Wants
from jobwire.schemas.workers.labels import Where

OWNER = bytes(32)
MACHINES = 4
KINDS = [
    PLAIN,
    Wants(2),
    Wants(1, ((MEMORY, 60),)),
    *(Wants(where=Where(on=(f"worker=w{number}",))) for number in range(MACHINES + 1)),
    Wants(2, where=Where(on=("gpu", "worker=w1"))),
    Wants(where=Where(on=("gpu=a,b",))),
    Wants(where=Where(on=("gpu=a",), not_on=("worker=w0",))),
    Wants(where=Where(not_on=("gpu",))),
    Wants(1, ((MEMORY, 30),), where=Where(on=("gpu",))),
]
CAPACITIES = [
    Capacity(slots, memory, labels=(("arch", "x"), *labels))
    for slots in (1, 2)
    for memory in (0, 100)
    for labels in ((), (("gpu", "a"),), (("gpu", "c"),))
]
kinds = st.sampled_from(KINDS)
machines = st.tuples(st.just("machine"), st.integers(0, MACHINES - 1), st.sampled_from(CAPACITIES), st.booleans())
steps = st.lists(
    st.one_of(
        machines,
        st.tuples(st.just("add"), kinds, st.integers(0, 1)),
        st.tuples(st.just("add"), kinds, st.integers(0, 1)),
        st.tuples(st.just("end"), st.integers(0, 30)),
        st.tuples(st.just("withdraw"), st.integers(0, 30)),
        st.tuples(st.just("priority"), st.integers(0, 30), st.integers(-1, 1)),
        st.tuples(st.just("aside"), st.integers(0, 30)),
        st.tuples(st.just("renew"), st.integers(0, MACHINES - 1)),
        st.tuples(st.just("drop"), st.integers(0, MACHINES - 1)),
    ),
    max_size=40,
)


class House:
    """A queue of one owner, and what waits and runs."""

    def __init__(self, stock: Stock) -> None:
        self.queue = Queue(0, stock=stock)
        self.stock = stock
        self.waiting: dict[JobKey, Wants] = {}
        self.aside: set[JobKey] = set()
        self.running: list[JobKey] = []
        self._numbers = itertools.count(1)

    def add(self, wants: Wants, priority: int = 0) -> JobKey:
        key = JobKey(OWNER, next(self._numbers).to_bytes(16, "big"))
        self.queue.add(key, None, priority, wants=wants)
        self.waiting[key] = wants
        return key

    def start(self) -> None:
        for key in self.queue.take():
            del self.waiting[key]
            self.running.append(key)

    def check(self) -> None:
        for key, wants in self.waiting.items():
            assert key in self.aside or not self.stock.fits(wants), f"{wants} waits beside free room"


@settings(deadline=None, max_examples=150)
@given(st.sampled_from([1, 2, 32]), steps)
def test_no_job_waits_for_which_a_machine_has_room(depth: int, done: list[tuple[object, ...]]) -> None:  # noqa: C901 -- one for each step
    stock = FleetStock()
    house = House(stock)
    # Room that is held for a job is another reason to wait.
    with mock.patch.object(choice, "_DEPTH_OF_ONE", depth), mock.patch.object(choice, "_PASSES", 1 << 30):
        for step in done:
            waiting = [*house.waiting]
            match step:
                case ("machine", int(at), Capacity() as capacity, bool(ready)):
                    stock.set_machine(bytes([at]), f"w{at}", capacity, ready=ready)
                    house.queue.stock_changed()
                case ("add", Wants() as wants, int(priority)):
                    house.add(wants, priority)
                case ("end", int(at)) if house.running:
                    house.queue.release(house.running.pop(at % len(house.running)))
                case ("withdraw", int(at)) if waiting:
                    key = waiting[at % len(waiting)]
                    house.queue.withdraw(key)
                    house.aside.discard(key)
                    del house.waiting[key]
                case ("priority", int(at), int(priority)) if waiting:
                    house.queue.set_priority(waiting[at % len(waiting)], priority)
                case ("aside", int(at)) if waiting:
                    key = waiting[at % len(waiting)]
                    (house.queue.let_in if key in house.aside else house.queue.set_aside)(key)
                    house.aside ^= {key}
                case ("renew", int(at)):
                    stock.renew_machine(bytes([at]))
                    house.queue.stock_changed()
                case ("drop", int(at)):
                    stock.drop_machine(bytes([at]))
                    house.queue.stock_changed()
            house.start()
            house.check()
    for key in [*house.waiting]:
        house.queue.withdraw(key)
    for key in house.running:
        house.queue.release(key)
    assert not house.queue._heaps._parked
    assert not len(house.queue)


@pytest.mark.parametrize("busy", [33, 500])
def test_jobs_for_many_machines_that_are_busy_do_not_keep_one_for_a_free_machine(busy: int) -> None:
    stock = FleetStock()
    for number in range(busy + 1):
        stock.set_machine(b"%04d" % number, f"w{number}", Capacity(1, labels=(("arch", "x"),)), ready=number < busy)
    house = House(stock)
    for _ in range(busy):
        house.add(PLAIN)
    house.start()
    assert len(house.running) == busy
    for number in range(busy + 1):
        house.add(Wants(where=Where(on=(f"worker=w{number}",))))
    house.start()
    assert len(house.running) == busy
    stock.set_machine(b"%04d" % busy, f"w{busy}", None, ready=True)
    house.queue.stock_changed()
    house.start()
    assert len(house.running) == busy + 1
    house.queue.release(house.running.pop(busy // 2))
    house.start()
    assert len(house.running) == busy + 1


def test_a_large_job_behind_many_for_other_machines_gets_its_turn_on_its_own() -> None:
    """It is parked, and small ones take each slot of its machine that becomes free: until room is held for it there."""
    busy = choice._DEPTH_OF_ONE + 5
    stock = FleetStock()
    for number in range(busy + 1):
        stock.set_machine(b"%04d" % number, f"w{number}", Capacity(2, labels=(("arch", "x"),)), ready=True)
    house = House(stock)
    own = Where(on=(f"worker=w{busy}",))
    for number in range(busy):
        house.add(Wants(2, where=Where(on=(f"worker=w{number}",))))
    small = [house.add(Wants(where=own)) for _ in range(2)]
    house.start()
    for number in range(busy):
        house.add(Wants(2, where=Where(on=(f"worker=w{number}",))))
    large = house.add(Wants(2, where=own))
    for _ in range(choice._PASSES * stock.capacity.slots + 10):
        small.append(house.add(Wants(where=own)))
        house.start()
        if large in house.running:
            break
        first = next(key for key in small if key in house.running)
        house.running.remove(first)
        house.queue.release(first)
        house.start()
    assert large in house.running
    others = Wants(where=Where(on=("worker=w0",)))
    assert house.add(others) in house.waiting
    house.check()
