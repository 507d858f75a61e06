"""Where a job is placed, beside the plain definition of it: whatever joins, leaves, is labelled, filled, emptied, and refuses jobs."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from jobwire.broker.desk.queue.stock import End, Taken
from jobwire.broker.fleet.placing.placement import FleetStock
from jobwire.schemas.workers.capacity import MEMORY, NOBODYS, PLAIN, Capacity, Shun, Wants, shortage
from jobwire.schemas.workers.labels import ANYWHERE, Where, holds

GPU, LICENSE = (("gpus", 1),), (("license", 1),)
CAPACITIES = [
    Capacity(slots, memory, gpus, resources, labels)
    for slots in (1, 3)
    for memory in (0, 100)
    for gpus in ((), ("0",))
    for resources in ((), (("license", 2),))
    for labels in ((), (("gpu", "a100"), ("host", "x")), (("host", "y"),))
]
OTHERS = [NOBODYS, NOBODYS, Wants(1), Wants(2, GPU)]
WANTED = [
    PLAIN,
    Wants(2),
    Wants(1, GPU),
    Wants(1, LICENSE),
    Wants(1, ((MEMORY, 60),)),
    Wants(1, (*GPU, *LICENSE)),
    Wants(where=Where(on=("gpu",))),
    Wants(where=Where(on=("gpu=a100,h100", "host=x"))),
    Wants(where=Where(on=("worker=w1",))),
    Wants(2, where=Where(not_on=("gpu",))),
    Wants(limit_seconds=500),
]


class Reference:
    """Plain sums, walked over for each question."""

    def __init__(self) -> None:
        self.machines: dict[bytes, tuple[Capacity, bool, End | None]] = {}
        self.running: list[tuple[Wants, bytes]] = []
        self.others: dict[bytes, Wants] = {}
        self.shunned: set[tuple[Wants, bytes]] = set()

    def labels(self, machine: bytes) -> tuple[tuple[str, str], ...]:
        own = self.machines[machine][0].labels
        return (*own, ("worker", f"w{machine[0]}")) if own else ()

    def fits(self, machine: bytes, wants: Wants, now: float) -> bool:
        capacity, ready, end = self.machines[machine]
        there = [*(one for one, where in self.running if where == machine), self.others[machine]]
        free = {
            name: total - sum(one.amount(name) for one in there) for name, total in {"slots": capacity.slots, **capacity.totals()}.items()
        }
        has_room = all(wants.amount(name) <= free.get(name, 0) for name in ("slots", *dict(wants.others)))
        lasts = end is None or (wants.limit_seconds or end.assumed_seconds) <= end.at - now
        labelled = wants.where is ANYWHERE or holds(wants.where, self.labels(machine))
        return ready and has_room and lasts and labelled and (wants, machine) not in self.shunned

    def place(self, wants: Wants, now: float) -> bytes | None:
        def cost(machine: bytes) -> tuple[int, float, str]:
            capacity = self.machines[machine][0]
            unasked = sum(bool(total) and not wants.amount(name) for name, total in capacity.totals().items() if name != MEMORY)
            used = sum(one.slots for one, where in self.running if where == machine) + self.others[machine].slots
            return unasked, used / max(1, capacity.slots), f"w{machine[0]}"

        return min((machine for machine in self.machines if self.fits(machine, wants, now)), key=cost, default=None)


number = st.integers(0, 4)
ends = st.sampled_from([None, 300.0, 600.0])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("machine"), number, st.sampled_from(CAPACITIES), st.booleans(), ends, st.sampled_from(OTHERS)),
        st.tuples(st.just("take"), st.sampled_from(WANTED)),
        st.tuples(st.just("back"), st.integers(0, 30)),
        st.tuples(st.just("shun"), number, st.sampled_from(WANTED)),
        st.tuples(st.just("renew"), number),
        st.tuples(st.just("drop"), number),
        st.tuples(st.just("later"), st.sampled_from([1.0, 200.0])),
    ),
    max_size=30,
)
# Those that are ready at first, so that there is a choice.
firsts = st.lists(st.tuples(st.sampled_from(CAPACITIES), st.sampled_from(OTHERS)), min_size=3, max_size=5)


@settings(deadline=None, max_examples=150)
@given(firsts, steps)
def test_each_job_goes_where_the_plain_definition_says(first: list[tuple[Capacity, Wants]], done: list[tuple[object, ...]]) -> None:  # noqa: C901, PLR0912 -- one for each step
    now = 0.0
    fleet, reference = FleetStock(lambda: now), Reference()
    shuns: dict[Wants, dict[bytes, Shun]] = {}

    def asked(wants: Wants) -> Wants:
        return wants._replace(shuns=tuple(sorted(shuns.get(wants, {}).values())))

    joined: list[tuple[object, ...]] = [("machine", at, capacity, True, None, others) for at, (capacity, others) in enumerate(first)]
    for step in (*joined, *done):
        match step:
            case ("machine", int(at), Capacity() as capacity, bool(ready), end, Wants() as others):
                reference.others[bytes([at])] = others
                until = End(now + end, 100.0) if isinstance(end, float) else None
                reference.machines[bytes([at])] = capacity, ready, until
                fleet.set_machine(bytes([at]), f"w{at}", capacity, ready=ready, end=until, others=others)
            case ("take", Wants() as wants):
                place = reference.place(wants, now)
                if place is not None:
                    assert fleet.take(asked(wants)).machine == place
                    reference.running.append((wants, place))
            case ("back", int(at)) if reference.running:
                wants, place = reference.running.pop(at % len(reference.running))
                fleet.put_back(asked(wants), Taken(machine=place))
            case ("shun", int(at), Wants() as wants) if bytes([at]) in reference.machines:
                shuns.setdefault(wants, {})[bytes([at])] = fleet.shun(bytes([at]))
                reference.shunned.add((wants, bytes([at])))
            case ("renew", int(at)):
                fleet.renew_machine(bytes([at]))
                reference.shunned = {one for one in reference.shunned if one[1] != bytes([at])}
            case ("drop", int(at)) if all(place != bytes([at]) for _, place in reference.running):
                fleet.drop_machine(bytes([at]))
                reference.machines.pop(bytes([at]), None)
                reference.shunned = {one for one in reference.shunned if one[1] != bytes([at])}
                for ours in shuns.values():
                    ours.pop(bytes([at]), None)
            case ("later", float(seconds)):
                now += seconds
        ready = [(machine, *known) for machine, known in reference.machines.items() if known[1]]
        for wants in WANTED:
            chosen = fleet._choose(asked(wants))
            assert (chosen.key if chosen is not None else None) == reference.place(wants, now), wants
        used = {machine: reference.others[machine].slots for machine, *_ in ready}
        for wants, place in reference.running:
            used[place] = used.get(place, 0) + wants.slots
        assert fleet.free_slots == sum(max(0, capacity.slots - used[machine]) for machine, capacity, *_ in ready)
        assert fleet.capacity.slots == sum(capacity.slots for _, capacity, *_ in ready)
        assert len(fleet.capacity.gpus) == sum(len(capacity.gpus) for _, capacity, *_ in ready)
        for wants in WANTED[:6]:
            could = any(not shortage(wants, capacity) for capacity, _, end in reference.machines.values() if end is None)
            assert fleet.could_fit(wants) or not could
