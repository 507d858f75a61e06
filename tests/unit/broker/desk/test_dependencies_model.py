"""Random graphs of jobs, random ends, and a worker that is killed at any moment: against a model that knows only the conditions.

A job starts when its conditions hold and not before, and once; otherwise it is cancelled. Nothing is left over. What the run ends with
starts once, when all that was accepted by then has ended, and gets their outcome.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from desk_house import OWNER, EngineDouble, House, asked, key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobwire.broker.desk.inputs import Asked
from jobwire.broker.engine import Ended, Fact, Started
from jobwire.broker.jobs.job import BatchRun
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.conditions import After, Condition
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import AttemptKey, JobKey, finish_job_id
from jobwire.schemas.workers.capacity import Capacity

RUN = b"r" * 16
FINISHING = BatchRun(RUN, "", 0, on_finish=specs.to_wire(JobSpec((b"end",))).SerializeToString())
MOST_JOBS = 9
MOST_TURNS = 1000
SIDE_FILES = ("", "-wal", "-shm")


@dataclass(frozen=True)
class Node:
    """A job: what it waits for, whether by a group of a name, its exit status, and its own name."""

    conditions: dict[int, Condition]
    groups: dict[str, Condition]
    status: int
    name: str


@dataclass
class Plan:
    """The jobs, in how many starts they are sent, and after how many turns of the loop the worker is killed, again and again."""

    nodes: list[Node]
    starts: list[int]
    kills: list[int]


NAMES = ("", "a", "b")


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    count = draw(st.integers(2, MOST_JOBS))
    conditions = st.sampled_from(Condition)
    nodes = []
    for number in range(count):
        earlier = st.integers(0, number - 1) if number else st.nothing()
        targets = draw(st.dictionaries(earlier, conditions, max_size=3)) if number else {}
        names = {node.name for node in nodes} - {""}
        groups = draw(st.dictionaries(st.sampled_from(sorted(names)), conditions, max_size=1)) if names else {}
        # A job does not wait for a group of which it is a part, nor for one that a later job joins: names are used up in order.
        name = draw(
            st.sampled_from([name for name in NAMES if not any(name in node.groups for node in nodes) and name not in groups] or [""])
        )
        nodes.append(Node(targets, groups, draw(st.sampled_from([0, 0, 1])), name))
    cuts = draw(st.lists(st.integers(1, count - 1), max_size=2, unique=True))
    return Plan(nodes, sorted({*cuts, count}), draw(st.lists(st.integers(0, 12), max_size=4)))


def expected(nodes: list[Node]) -> list[str]:
    """Return how each job ends: ok, failed, cancelled or unneeded."""
    ends: list[str] = []
    for node in nodes:
        fates = [(condition, ends[target]) for target, condition in node.conditions.items()]
        verdicts = []
        for condition, fate in fates:
            kind = {"ok": "ok", "unneeded": "unneeded"}.get(fate, "failed")
            holds = (
                condition is Condition.ANY
                or (condition is Condition.OK and kind == "ok")
                or (condition is Condition.FAILED and kind == "failed")
            )
            verdicts.append((holds, kind == "failed"))
        for name, condition in node.groups.items():
            members = [ends[position] for position, other in enumerate(nodes[: len(ends)]) if other.name == name]
            has_failed = any(fate in {"failed", "cancelled"} for fate in members)
            holds = condition is Condition.ANY or (condition is Condition.FAILED) is has_failed
            verdicts.append((holds, has_failed))
        if all(holds for holds, _ in verdicts):
            ends.append("failed" if node.status else "ok")
        else:
            # Which of several broken conditions is told depends on the order of ends.
            reasons = {is_failure for holds, is_failure in verdicts if not holds}
            ends.append("cancelled" if reasons == {True} else "unneeded" if reasons == {False} else "either")
        if ends[-1] == "either":
            # What follows from that is not decided here.
            return ends
    return ends


def asked_of(plan: Plan) -> list[Asked]:
    result = []
    for number, node in enumerate(plan.nodes):
        after = [After(condition, job=asked(target + 1).id) for target, condition in node.conditions.items()]
        after += [After(condition, run=RUN, name=name) for name, condition in node.groups.items()]
        spec = JobSpec((b"true",), name=node.name, after=tuple(after))
        result.append(Asked(asked(number + 1).id, spec, specs.digest(spec), specs.to_wire(spec).SerializeToString()))
    return result


@dataclass
class World:
    """What outlives the worker: the processes, and the files of the store."""

    folder: Path
    plan: Plan
    running: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    starts: list[int] = field(default_factory=list)
    # How the run stood when what it ends with was told.
    told: dict[bytes, bytes] = field(default_factory=dict)

    def fact(self, number: int) -> Fact:
        if number in self.ended:
            status = self.plan.nodes[number - 1].status if number else 0
            return Ended(*ids_of(number), 3_000_000 + number, Outcome(OutcomeKind.EXITED, exit_status=status))
        return Started(*ids_of(number))

    def take_launches(self, engine: EngineDouble) -> None:
        for effect in engine.effects:
            if effect[0] == "start":
                number = number_of(effect[1].id)  # type: ignore[attr-defined] # reason: a double's
                self.starts.append(number)
                self.running.add(number)
        engine.effects.clear()


def number_of(job_id: bytes) -> int:
    """Return the number of a job; 0 for what the run ends with."""
    return 0 if job_id == finish_job_id(RUN) else job_id[0]


def ids_of(number: int) -> tuple[AttemptKey, int, int]:
    """Return attempt, pid and start of a job that runs."""
    return AttemptKey(OWNER, asked(number).id if number else finish_job_id(RUN), 1), 100 + number, 2_000_000 + number


async def crash(world: World, house: House, life: int) -> House:
    """Kill the worker, and return the next one: on the files as they are at this moment, without anything that was not committed."""
    world.take_launches(house.engine)
    for end in SIDE_FILES:
        if (source := Path(f"{house.path}{end}")).exists():
            shutil.copy(source, world.folder / f"{life}.db{end}")
    house.desk.close()
    house.store.close()
    following = House(
        world.folder / f"{life}.db", EngineDouble(Capacity(3), known=[world.fact(number) for number in sorted(world.running)])
    )
    following.open()
    await following.desk.recover()
    return following


async def end_next(world: World, house: House) -> None:
    """Let one of the jobs that run end."""
    if alive := sorted(world.running - world.ended):
        world.ended.add(alive[0])
        house.desk.hear([Started(*ids_of(alive[0])), world.fact(alive[0])])


def ends_of(house: House, count: int) -> list[str]:
    """Return how each job ended."""
    ends = []
    for number in range(1, count + 1):
        found = house.lookup.job(key(number))
        assert found is not None
        outcome = found.attempt.outcome
        assert outcome is not None, f"{number} waits for ever: {house.desk.why_waiting(found)}"
        if outcome.kind is OutcomeKind.CANCELLED:
            ends.append("unneeded" if outcome.unneeded else "cancelled")
        else:
            ends.append("ok" if outcome.is_ok else "failed")
    return ends


async def play(plan: Plan, folder: Path) -> tuple[World, list[str]]:
    """Run the jobs to their ends; return the world, and how each job ended."""
    world, jobs = World(folder, plan), asked_of(plan)
    house = House(folder / "first.db", EngineDouble(Capacity(3)))
    house.open()
    kills, accepted, since = list(plan.kills), 0, 0
    pending: asyncio.Future[object] | None = None
    for turn in range(MOST_TURNS):
        if kills and since >= kills[0]:
            house, since = await crash(world, house, turn), 0
            kills.pop(0)
            # A client sends again what was not acknowledged.
            pending = None
        if accepted < len(plan.starts) and pending is None:
            begin = plan.starts[accepted - 1] if accepted else 0
            pending = asyncio.ensure_future(house.accept(*jobs[begin : plan.starts[accepted]], batch=FINISHING))
        # Before a commit and behind it.
        await (house.durable() if turn % 2 else asyncio.sleep(0))
        since += 1
        if pending is not None and pending.done():
            pending.result()
            pending, accepted = None, accepted + 1
        world.take_launches(house.engine)
        if turn % 3 == 0:
            await end_next(world, house)
        if accepted == len(plan.starts) and not kills and not house.live:
            break
    ends = ends_of(house, len(jobs))
    finish = house.lookup.job(JobKey(OWNER, finish_job_id(RUN)))
    assert finish is not None
    world.told = dict(finish.spec.environment)
    await house.durable()
    house.desk.close()
    house.store.close()
    return world, ends


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans())
def test_each_job_starts_once_when_its_conditions_hold_and_is_cancelled_otherwise(plan: Plan) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world, ends = asyncio.run(play(plan, Path(folder)))
    model = expected(plan.nodes)
    for number, (end, wanted) in enumerate(zip(ends, model, strict=False), 1):
        assert end == wanted or (wanted == "either" and end in {"cancelled", "unneeded"}), (number, ends, model)
        assert world.starts.count(number) == (wanted in {"ok", "failed"}), (number, world.starts)
    assert world.starts.count(0) == 1
    if len(plan.starts) == 1:
        assert world.starts[-1] == 0
        assert world.told[b"JOBWIRE_RUN_JOBS"] == b"%d" % len(ends)
        assert world.told[b"JOBWIRE_RUN_OK"] == b"%d" % sum(end in {"ok", "unneeded"} for end in ends)
        assert world.told[b"JOBWIRE_RUN_FAILED"] == b"%d" % ends.count("failed")
        assert world.told[b"JOBWIRE_RUN_CANCELLED"] == b"%d" % ends.count("cancelled")
