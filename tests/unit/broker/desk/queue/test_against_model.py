from collections import Counter
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jobwire.broker.desk.queue.queue import Queue
from jobwire.broker.desk.queue.stock import Taken
from jobwire.broker.jobs.job import BatchRun, RunKey
from jobwire.schemas.naming import JobKey
from jobwire.schemas.workers.capacity import GPUS, MEMORY, PLAIN, Capacity, Wants, shortage

WANTS = (
    PLAIN,
    PLAIN,
    Wants(2),
    Wants(1, ((GPUS, 1),)),
    Wants(1, ((GPUS, 2),)),
    Wants(1, (("license", 1), (MEMORY, 40))),
    Wants(3, ((MEMORY, 60),)),
    Wants(only_one="x"),
    # Such that may start jobs, started by a person and by a job.
    Wants(level=1),
    Wants(2, level=1),
    Wants(1, ((MEMORY, 40),), level=2),
)
# Of one owner and level, for each slot.
PARENTS = 2
CAPACITIES = tuple(
    Capacity(slots, 100, gpus, (("license", licences),)) for slots in (1, 3, 4) for gpus in (("a",), ("a", "b")) for licences in (1, 2)
)


@dataclass
class Model:
    """One job as the reference knows it."""

    key: JobKey
    batch: BatchRun | None
    wants: Wants
    priority: int
    order: int
    held: bool = False
    passed: int = 0
    # It runs, and others may use its slots.
    lends: bool = False

    @property
    def lane(self) -> tuple[bytes, bytes]:
        return self.key.owner, self.batch.id if self.batch else b""


class QueueAgainstModel(RuleBasedStateMachine):
    """The real queue beside plain lists, which are sorted anew for every choice."""

    def __init__(self) -> None:
        super().__init__()
        self.most = dict.fromkeys(range(3), 0)
        self.capacity = CAPACITIES[-1]
        self.queue = Queue(1, lambda public: self.most[public[0]])
        self.queue.set_capacity(self.capacity)
        self.waiting: dict[JobKey, Model] = {}
        self.running: dict[JobKey, Model] = {}
        self.gpus: dict[JobKey, tuple[str, ...]] = {}
        self.widths: dict[tuple[bytes, bytes], int] = {}
        self.made = 0

    @rule(
        owner=st.integers(0, 2),
        width=st.sampled_from([None, None, 0, 1, 2]),
        wants=st.sampled_from(WANTS),
        priority=st.integers(-1, 1),
        held=st.sampled_from([False, False, False, True]),
    )
    def add(self, owner: int, width: int | None, wants: Wants, priority: int, held: bool) -> None:  # noqa: FBT001 -- drawn by name
        self.made += 1
        batch = None if width is None else BatchRun(bytes([owner, width]) * 8, "", width)
        job = Model(JobKey(bytes([owner]) * 32, self.made.to_bytes(16, "big")), batch, wants, priority, self.made, held)
        if not any(other.lane == job.lane for other in (*self.waiting.values(), *self.running.values())):
            self.widths[job.lane] = width or 0
        self.queue.add(job.key, batch, priority, ready=not held, wants=wants, order=job.order)
        self.waiting[job.key] = job

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[key]
        self.queue.withdraw(key)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def hold_or_release(self, data: st.DataObject) -> None:
        job = self.waiting[data.draw(st.sampled_from(sorted(self.waiting)))]
        (self.queue.let_in if job.held else self.queue.set_aside)(job.key)
        job.held = not job.held

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), priority=st.integers(-2, 2))
    def set_priority(self, data: st.DataObject, priority: int) -> None:
        job = self.waiting[data.draw(st.sampled_from(sorted(self.waiting)))]
        job.priority = priority
        self.queue.set_priority(job.key, priority)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), wants=st.sampled_from(WANTS))
    def set_wants(self, data: st.DataObject, wants: Wants) -> None:
        job = self.waiting[data.draw(st.sampled_from(sorted(self.waiting)))]
        job.wants = wants
        self.queue.set_wants(job.key, wants)

    @precondition(lambda self: self.widths)
    @rule(data=st.data(), width=st.integers(0, 2))
    def set_width(self, data: st.DataObject, width: int) -> None:
        run = RunKey(*data.draw(st.sampled_from(sorted(self.widths))))
        if run.id:
            self.widths[run] = width
            self.queue.set_width(run, width)

    @rule(owner=st.integers(0, 2), most=st.integers(0, 2))
    def limit(self, owner: int, most: int) -> None:
        self.most[owner] = most

    @rule(capacity=st.sampled_from(CAPACITIES))
    def set_capacity(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self.queue.set_capacity(capacity)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[key]
        self.gpus.pop(key, None)
        self.queue.release(key)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), held=st.booleans())
    def try_again(self, data: st.DataObject, held: bool) -> None:  # noqa: FBT001 -- drawn by name
        """Another attempt at a job has the place that the job had."""
        key = data.draw(st.sampled_from(sorted(self.running)))
        job = self.waiting[key] = self.running.pop(key)
        job.held, job.lends, job.passed = held, False, 0
        self.gpus.pop(key, None)
        self.queue.release(key)
        batch = job.batch and BatchRun(job.batch.id, "", self.widths[job.lane])
        self.queue.add(key, batch, job.priority, ready=not held, wants=job.wants, order=job.order)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def lend_or_take_back(self, data: st.DataObject) -> None:
        job = self.running[data.draw(st.sampled_from(sorted(self.running)))]
        job.lends = not job.lends
        for _ in range(2):
            (self.queue.lend if job.lends else self.queue.take_back)(job.key)

    @rule()
    def restart(self) -> None:
        """What runs is found again, with its slots; what waits has its order; how often it was passed is forgotten."""
        self.queue = Queue(1, lambda public: self.most[public[0]])
        self.queue.set_capacity(self.capacity)
        for job in sorted((*self.waiting.values(), *self.running.values()), key=lambda one: one.order):
            batch = job.batch and BatchRun(job.batch.id, "", self.widths[job.lane])
            job.passed = 0
            job.lends = False
            if job.key in self.running:
                self.queue.add_running(job.key, batch, job.wants, Taken(self.gpus.get(job.key, ())))
            else:
                self.queue.add(job.key, batch, job.priority, ready=not job.held, wants=job.wants, order=job.order)

    def free(self) -> dict[str, int]:
        free = {"slots": self.capacity.slots, **self.capacity.totals()}
        for job in self.running.values():
            free["slots"] -= 0 if job.lends else job.wants.slots
            for name, amount in job.wants.others:
                free[name] -= amount
        handed_out = {gpu for gpus in self.gpus.values() for gpu in gpus}
        free[GPUS] = len(set(self.capacity.gpus) - handed_out)
        return free

    def share(self, owner: bytes) -> float:
        used = Counter[str]()
        for job in self.running.values():
            if job.key.owner == owner:
                used.update({"slots": 0 if job.lends else job.wants.slots, **dict(job.wants.others)})
        totals = {"slots": self.capacity.slots, **self.capacity.totals()}
        return max((amount / max(1, totals[name]) for name, amount in used.items()), default=0.0)

    def claims(self) -> list[Model]:
        """Return the jobs of which one may start if it fits, the best claim first: of those that take the same in a batch the first."""
        running = Counter(job.lane for job in self.running.values())
        slots = Counter[tuple[bytes, bytes]]()
        for job in self.running.values():
            slots[job.lane] += job.wants.slots
        of_owners = Counter(job.key.owner for job in self.running.values() if not job.lends)
        parents = Counter((job.key.owner, job.wants.level) for job in self.running.values() if job.wants.level)
        busy = {(job.key.owner, job.wants.only_one) for job in self.running.values() if job.wants.only_one}
        first: dict[tuple[bytes, bytes, Wants], Model] = {}
        for job in sorted(self.waiting.values(), key=lambda one: (-one.priority, one.order)):
            most = self.most[job.key.owner[0]]
            may_run = not (most and of_owners[job.key.owner] >= most) and (job.key.owner, job.wants.only_one) not in busy
            may_run = may_run and parents[job.key.owner, job.wants.level] < PARENTS * self.capacity.slots
            if may_run and not job.held and not (self.widths[job.lane] and running[job.lane] >= self.widths[job.lane]):
                first.setdefault((*job.lane, job.wants), job)

        def place(job: Model) -> tuple[int, int, int]:
            return -job.priority, slots[job.lane], job.order

        of_owner: dict[bytes, list[Model]] = {}
        for job in sorted(first.values(), key=place):
            of_owner.setdefault(job.key.owner, []).append(job)
        owners = sorted(of_owner, key=lambda owner: (self.share(owner), of_owner[owner][0].order))
        return [job for owner in owners for job in of_owner[owner] if not shortage(job.wants, self.capacity)]

    def leaves(self, taken: Wants, other: Wants) -> bool:
        free = self.free()
        needed = {"slots": other.slots, **dict(other.others)}
        takes = {"slots": taken.slots, **dict(taken.others)}
        return all(free[name] - takes[name] >= amount for name, amount in needed.items() if takes.get(name))

    def choose(self) -> Model | None:
        free = self.free()
        unfit: list[Model] = []
        for job in self.claims() if free["slots"] > 0 else ():
            fits = all(free[name] >= amount for name, amount in (("slots", job.wants.slots), *job.wants.others))
            held = [other for other in unfit if other.passed >= 4 * self.capacity.slots]
            if fits and all(self.leaves(job.wants, other.wants) for other in held):
                for other in unfit:
                    if not self.leaves(job.wants, other.wants):
                        other.passed += 1
                        assert other.passed <= 4 * max(one.slots for one in CAPACITIES), "it is passed without end"
                return job
            unfit.append(job)
        return None

    @rule()
    def take(self) -> None:
        for key in self.queue.take():
            best = self.choose()
            assert best is not None, "something starts that may not"
            assert best.key == key, "not the best claim"
            assert self.free()["slots"] >= best.wants.slots, "something starts while more is in use than there is"
            self.running[key] = self.waiting.pop(key)
            best.passed = 0
            gpus = self.queue.taken_by(key).gpus
            assert len(gpus) == best.wants.amount(GPUS)
            assert not set(gpus) & {gpu for others in self.gpus.values() for gpu in others}, "a gpu is handed out twice"
            if gpus:
                self.gpus[key] = gpus
        assert self.choose() is None, "what could start was left"

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def turn(self, data: st.DataObject) -> None:
        """One ends, and whoever is next starts."""
        self.release(data)
        self.take()

    @invariant()
    def bounds_hold(self) -> None:
        assert self.queue.running == len(self.running)
        assert len(self.queue) == len(self.waiting)
        waiting_slots = sum(job.wants.slots for job in self.waiting.values() if not job.held)
        assert self.queue.room == max(0, self.free()["slots"] - waiting_slots)
        for owner in range(3):
            assert self.queue.waiting_of(bytes([owner]) * 32) == sum(job.owner[0] == owner for job in self.waiting)
        for key in self.waiting:
            assert self.queue.why_waiting(key)
        for key, job in self.running.items():
            assert self.queue.lends(key) == job.lends
        demand = self.queue.demand()
        for wants, count in demand.items():
            assert 0 < count <= sum(job.wants == wants and not job.held for job in self.waiting.values())
        # Whoever has a claim is counted; of an owner, and of a batch, only as many as may run.
        assert demand.total() >= len({job.key.owner for job in self.claims()})

    @invariant()
    def every_count_is_that_of_the_jobs_that_are_there(self) -> None:
        queue, tally = self.queue, self.queue._tally
        places = list(queue._places.values())
        running = [place for place in places if place.rank is None]
        aside = [place for place in places if place.aside]
        in_line = [place for place in places if place.rank is not None and not place.aside]
        slots = sum(place.wants.slots for place in in_line)
        assert (tally.running, tally.aside, tally.waiting, tally.waiting_slots) == (len(running), len(aside), len(in_line), slots)
        assert queue._heaps.stale == sum(lane.entries() for owner in queue._owners.values() for lane in owner.lanes.values()) - len(in_line)
        assert {id(place.owner) for place in places} == set(map(id, queue._owners.values()))
        for owner in queue._owners.values():
            runs = [place for place in running if place.owner is owner]
            counted = [place for place in runs if not place.lends]
            assert (owner.running, owner.slots) == (len(counted), sum(place.wants.slots for place in counted))
            used = Counter[str]()
            for place in runs:
                used.update(dict(place.wants.others))
            assert {name: amount for name, amount in owner.used.items() if amount} == dict(used)
            assert owner.share == queue.stock.share(owner.slots, owner.used)
            assert owner.busy == {place.wants.only_one for place in runs if place.wants.only_one}
            levels = Counter(place.wants.level for place in runs if place.wants.level)
            assert {level: count for level, count in owner.parents.items() if count} == dict(levels)
            assert owner.waiting == Counter(-place.rank[0] for place in in_line if place.owner is owner and place.rank)
            assert owner.aside == sum(place.owner is owner for place in aside)
            assert set(map(id, owner.lanes.values())) == {id(place.lane) for place in places if place.owner is owner}
            for lane in owner.lanes.values():
                runs_here = [place for place in running if place.lane is lane]
                assert lane.jobs == sum(place.lane is lane for place in places)
                assert (lane.running, lane.slots) == (len(runs_here), sum(place.wants.slots for place in runs_here))
                waits = Counter(place.wants for place in in_line if place.lane is lane)
                assert {wants: line.waiting for wants, line in lane.lines.items() if line.waiting} == dict(waits)


TestQueueAgainstModel = QueueAgainstModel.TestCase
TestQueueAgainstModel.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
