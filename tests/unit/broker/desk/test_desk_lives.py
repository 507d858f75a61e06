"""A desk that is killed at any moment, between a real store and an engine that answers honestly, against what always holds."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from desk_house import AlarmDouble
from example_counts import at_length, briefly, scratch
from honest_engine import EXITED, FAILED, Gate, HonestEngine
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jobwire.broker.access.delegates import Delegates
from jobwire.broker.desk import desk as desks
from jobwire.broker.desk import unended_jobs
from jobwire.broker.desk.desk import Desk
from jobwire.broker.desk.inputs import Accepted, Alter, Asked, Due, SetWidth, Stop
from jobwire.broker.desk.queue.queue import Queue
from jobwire.broker.desk.state import State
from jobwire.broker.jobs.job import BatchRun, Job, RunKey, StopOrder
from jobwire.broker.jobs.life import NEXT, STORED, WAITING, Phase, Stored
from jobwire.broker.retention.ages import Ages
from jobwire.broker.store import queries
from jobwire.broker.store.queries import Lookup
from jobwire.broker.store.store import Store
from jobwire.broker.streams.watchers import Watchers
from jobwire.keys.identity import from_seed
from jobwire.keys.members.limits import EVERYBODYS
from jobwire.schemas.clock import Clock
from jobwire.schemas.generated import event_pb2
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.retry import RetryRule
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import Outcome
from jobwire.schemas.jobs.states import State as Shown
from jobwire.schemas.naming import AttemptKey, JobKey
from jobwire.schemas.refusal import Code, Refused

OWNERS = (b"a" * 32, b"b" * 32)
SPECS = (
    JobSpec(argv=(b"true",)),
    JobSpec(argv=(b"false",), priority=3),
    JobSpec(argv=(b"held",), held=True),
    JobSpec(argv=(b"again",), retry=RetryRule(2)),
    JobSpec(argv=(b"later",), retry=RetryRule(1, delay_ms=1000)),
)
# Longer than any delay of them.
A_WHILE_US = 10_000_000
# How an event moves a job on, for one that reads the events only.
ALLOWED = {
    ("", "QUEUED"): "QUEUED",
    ("QUEUED", "HELD"): "QUEUED",
    ("QUEUED", "RELEASED"): "QUEUED",
    ("QUEUED", "CHANGED"): "QUEUED",
    ("QUEUED", "STARTED"): "RUNNING",
    ("QUEUED", "STOPPING"): "STOPPING",
    ("QUEUED", "FINISHED"): "FINISHED",
    ("RUNNING", "CHANGED"): "RUNNING",
    ("RUNNING", "ADOPTED"): "RUNNING",
    ("RUNNING", "STOPPING"): "STOPPING",
    ("RUNNING", "FINISHED"): "FINISHED",
    ("RUNNING", "RETRYING"): "QUEUED",
    ("STOPPING", "STARTED"): "STOPPING",
    ("STOPPING", "ADOPTED"): "STOPPING",
    ("STOPPING", "FINISHED"): "FINISHED",
}


def _found_on_disk() -> dict[Phase, set[Stored]]:
    """Return for each phase what the store may contain about an attempt in that phase."""
    settled = {Phase.QUEUED, Phase.CLEARED, Phase.LAUNCHED, Phase.RUNNING, Phase.FINISHED}
    found: dict[Phase, set[Stored]] = {}
    for phase in Phase:
        before, reached = [phase], {phase}
        while before:
            one = before.pop()
            came_from = {earlier for (earlier, _), after in NEXT.items() if after is one} if one not in settled else set()
            before += came_from - reached
            reached |= came_from
        found[phase] = {STORED[one] for one in reached}
    # What is held is not cleared any more, once that is written.
    found[Phase.QUEUED].add(STORED[Phase.CLEARED])
    return found


ON_DISK = _found_on_disk()


class Steps:
    """The pace of a recovery, which takes one step after the other when it is told to."""

    def __init__(self) -> None:
        self.told = asyncio.Event()

    async def rest(self) -> None:
        await self.told.wait()
        self.told.clear()


class WhatAlwaysHolds(RuleBasedStateMachine):
    """What was acknowledged exists, nothing is launched twice, each job ends once, and events come in order when they are durable."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = scratch()
        self.loop = asyncio.new_event_loop()
        self.engine = HonestEngine()
        # Specs by key: of those that were acknowledged, and of all that were ever asked for.
        self.acknowledged: dict[JobKey, JobSpec] = {}
        self.asked: dict[JobKey, set[JobSpec]] = {}
        self.stops: set[JobKey] = set()
        # How many attempts had been launched when a stop was acknowledged.
        self.launched_before: dict[JobKey, int] = {}
        # What was acknowledged of changes, and those that are under way: then it is one or the other.
        self.changes: dict[JobKey, list[tuple[bool | None, int | None]]] = {}
        self.widths: dict[RunKey, int] = {}
        self.published: list[int] = []
        # A desk that is killed at every turn gets nowhere.
        self.steps = 0
        self.patches = pytest.MonkeyPatch()
        for module in (unended_jobs, desks):
            self.patches.setattr(module, "Pace", lambda: self.pace)
        self.patches.setattr(unended_jobs, "_JOBS_A_SLICE", 1)
        self.patches.setattr(queries, "_ALIVE_A_QUESTION", 1)
        self.open()
        self.find_all()

    # --- the desk's own life

    def open(self) -> None:
        watchers = Watchers()
        self.store = Store(self.folder / "state.db", self.loop, watchers.flush)
        self.gate = Gate(self.store._commits)
        # The thread waits in the queue behind the gate already.
        self.store._commits = self.gate  # type: ignore[assignment] # reason: a double
        self.published.clear()
        state = State(Queue(self.engine.capacity.slots))
        self.state = state
        self.live, self.lookup = state.live, Lookup(self.store, state.live)
        self.desk = Desk(
            state,
            self.store,
            self.lookup,
            self.engine,
            self,
            watchers,
            Clock(lambda: self.engine.now, lambda: self.engine.now),
            Ages(self.folder, fresh=True, wall_us=lambda: self.engine.now, passed_us=lambda: self.engine.now, boot=lambda: "now"),
            limits_of=lambda _: EVERYBODYS,
            shortage=lambda: None,
            ended=lambda: None,
            usage_changed=lambda: None,
            delegates=Delegates(from_seed(b"w" * 32), b"s" * 16, "", lambda _: None, state.live, lambda *_: None),
            alarm=lambda *_: AlarmDouble(),  # type: ignore[arg-type, return-value]
        )
        self.pace = Steps()
        self.recovery = self.loop.create_task(self.desk.recover())
        self.turn()

    @initialize(numbers=st.sampled_from(([1], [1, 2], [1, 2, 3])), width=st.sampled_from((None, None, 1)))
    def some_jobs_are_there(self, numbers: list[int], width: int | None) -> None:
        self.somebody_starts_jobs(OWNERS[0], numbers, SPECS[0], width)
        self.the_disk_has_written()

    def turn(self) -> None:
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(asyncio.sleep(0))

    def publish(self, events: Sequence[event_pb2.Event]) -> None:
        seqs = [event.seq for event in events]
        assert self.store.read("SELECT count(*) FROM events WHERE seq BETWEEN ? AND ?", (seqs[0], seqs[-1])) == [(len(seqs),)]
        self.published += seqs
        assert self.published == list(range(self.published[0], self.published[-1] + 1))

    @precondition(lambda self: self.gate.group)
    @rule()
    def the_disk_has_written(self) -> None:
        told = self.loop.create_future()
        committed = self.store._committed

        def and_tell(failed: Exception | None) -> None:
            del self.store._committed
            assert failed is None
            committed(None)
            told.set_result(None)

        self.store._committed = and_tell  # type: ignore[method-assign] # reason: to hear of it
        self.gate.open()
        self.loop.run_until_complete(asyncio.wait_for(told, 60))
        self.turn()

    @precondition(lambda self: self.steps % 5 == 0)
    @rule(written=st.booleans(), rebooted=st.sampled_from((False, False, True)))
    def the_desk_is_killed(self, *, written: bool, rebooted: bool) -> None:
        # A worker puts down that it saw this boot when its recovery is durable.
        self.engine.rebooted = rebooted or (self.engine.rebooted and not self.recovery.done())
        self.kill(written=written)
        if rebooted:
            # Nothing runs, and no folder was synced.
            for forgotten in (self.engine.running, self.engine.ended, self.engine.to_end, self.engine.untold):
                forgotten.clear()
        self.open()

    def kill(self, *, written: bool) -> None:
        """With a group on its way to the disk, which arrives or does not; nobody hears of either."""
        self.desk.close()
        self.store._committed = lambda _: None  # type: ignore[method-assign] # reason: the process is gone
        if written and self.gate.group is not None:
            self.gate.open()
        self.gate.put(None)
        self.store._thread.join()
        if self.store._retry is not None:
            self.store._retry.cancel()
        self.store._reads.close()
        self.store._writes.close()
        self.recovery.cancel()
        self.loop.run_until_complete(asyncio.wait([self.recovery]))

    def ready(self) -> bool:
        return self.recovery.done()

    # --- requests

    @precondition(lambda self: not self.ready())
    @rule()
    def the_recovery_goes_on(self) -> None:
        self.pace.told.set()
        self.turn()

    @precondition(lambda self: not self.ready())
    @rule()
    def find_all(self) -> None:
        while not self.ready():
            self.the_recovery_goes_on()
            if self.gate.group:
                self.the_disk_has_written()

    # Also while others are still found.
    @rule(
        owner=st.sampled_from(OWNERS),
        numbers=st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True),
        spec=st.sampled_from(SPECS),
        width=st.sampled_from((None, None, 1)),
    )
    def somebody_starts_jobs(self, owner: bytes, numbers: list[int], spec: JobSpec, width: int | None) -> None:
        keys = [JobKey(owner, bytes([number]) * 16) for number in numbers]
        for key in keys:
            self.asked.setdefault(key, set()).add(spec)

        def done(result: Accepted | Refused) -> None:
            if isinstance(result, Refused):
                assert result.code is Code.ALREADY_EXISTS
                assert result.job_index is not None
                assert self.asked[keys[result.job_index]] - {spec}
                return
            assert result.keys == keys
            found = [self.lookup.job(key) for key in keys]
            assert [job.spec for job in found if job is not None] == [spec] * len(keys)
            for key in keys:
                assert self.acknowledged.setdefault(key, spec) == spec

        asked = [Asked(key.id, spec, specs.digest(spec), specs.to_wire(spec).SerializeToString()) for key in keys]
        self.desk.accept(owner, asked, BatchRun(bytes(numbers[:1]) * 16, "b", width) if width else None, b"proof", done)

    @precondition(lambda self: self.ready() and self.acknowledged)
    @rule(data=st.data(), grace_ms=st.sampled_from((0, 10)))
    def somebody_stops_a_job(self, data: st.DataObject, grace_ms: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.acknowledged)))
        job = self.lookup.job(key)
        assert job is not None
        self.desk.take(Stop([(job.key, StopOrder(15, grace_ms, "somebody"))], b"proof", lambda: self.acknowledge_stop(key)))

    def acknowledge_stop(self, key: JobKey) -> None:
        self.stops.add(key)
        self.launched_before.setdefault(key, self.attempts_of(key))

    def attempts_of(self, key: JobKey) -> int:
        return sum(attempt.job == key for attempt in self.engine.launched)

    @precondition(ready)
    @rule()
    def time_passes(self) -> None:
        self.engine.now += A_WHILE_US
        self.desk.take(Due())

    @precondition(lambda self: self.ready() and self.acknowledged)
    @rule(
        data=st.data(),
        held=st.sampled_from((True, False, None)),
        priority=st.sampled_from((None, None, -1, 5)),
        limit_ms=st.sampled_from((None, None, 0, 7)),
    )
    def somebody_changes_a_job(
        self,
        data: st.DataObject,
        held: bool | None,  # noqa: FBT001 -- drawn by name
        priority: int | None,
        limit_ms: int | None,
    ) -> None:
        key = data.draw(st.sampled_from(sorted(self.acknowledged)))
        job = self.lookup.job(key)
        assert job is not None
        before = job.latest.phase
        changes = self.changes.setdefault(key, [])

        def done(refused: Refused | None) -> None:
            if refused is None:
                changes.append((held, priority))
            else:
                assert before not in WAITING

        self.desk.take(Alter([key], held, priority, limit_ms, "somebody", b"change", done))

    @precondition(lambda self: self.ready() and self.state.runs)
    @rule(data=st.data(), parallel=st.integers(0, 2))
    def somebody_changes_a_width(self, data: st.DataObject, parallel: int) -> None:
        run = data.draw(st.sampled_from(sorted(self.state.runs)))
        self.desk.take(SetWidth([run], parallel, b"width", lambda: self.widths.update({run: parallel})))

    # --- facts

    @precondition(lambda self: self.engine.running)
    @rule(data=st.data(), failed=st.sampled_from((False, False, True)), outcome=st.sampled_from((EXITED, FAILED)))
    def a_job_ends(self, data: st.DataObject, *, failed: bool, outcome: Outcome) -> None:
        key = data.draw(st.sampled_from(sorted(self.engine.running)))
        # What was told to run did start.
        self.engine.finish(key, failed=failed and self.engine.running[key] in self.engine.untold, outcome=outcome)

    @precondition(lambda self: self.engine.untold)
    @rule(count=st.integers(1, 3))
    def facts_arrive(self, count: int) -> None:
        told, self.engine.untold = self.engine.untold[:count], self.engine.untold[count:]
        self.desk.hear(told)

    @precondition(lambda self: not self.engine.untold)
    @rule()
    def the_engine_tells_all_again(self) -> None:
        """As it does when the line to the supervisor broke."""
        self.desk.hear([*self.engine.running.values(), *self.engine.ended.values()])

    # --- what holds

    def events(self) -> list[event_pb2.Event]:
        found, _ = self.lookup.replay(0, 1 << 40, b"")
        return found

    @invariant()
    def what_was_acknowledged_is_there(self) -> None:
        for key, spec in self.acknowledged.items():
            assert self.store.read("SELECT digest FROM jobs WHERE owner = ? AND id = ?", key) == [(specs.digest(spec),)]

    @invariant()
    def the_store_is_where_the_table_says(self) -> None:
        """Where a crash would leave each job: in its phase, or in one that it came from without anything reaching the disk."""
        for key, job in self.live.items():
            ((state, launched),) = self.store.read("SELECT state, launched FROM jobs WHERE owner = ? AND id = ?", key)
            reached = ON_DISK[job.attempt.phase] | (ON_DISK[job.following.phase] if job.following is not None else set())
            assert Stored(Shown(state), launched=bool(launched)) in reached, (job.attempt.phase, job.following, state, launched)

    @invariant()
    def runs_have_the_jobs_and_the_counts_that_they_should(self) -> None:
        runs: dict[RunKey, dict[JobKey, Job]] = {}
        for key, job in self.live.items():
            if job.batch is not None:
                runs.setdefault(RunKey(key.owner, job.batch.id), {})[key] = job
        assert self.state.runs == runs
        counted = self.store.read(
            "SELECT batch, count(*), total(ok = 1), total(ok = 0), min(queued_at), max(ended_at) FROM jobs WHERE batch IS NOT NULL"
            " GROUP BY batch ORDER BY batch"
        )
        assert self.store.read("SELECT row, jobs, ok, failed, queued_at, ended_at FROM batches ORDER BY row") == counted

    @invariant()
    def what_is_held_does_not_run(self) -> None:
        for job in self.live.values():
            assert job.held_by is None or job.latest.phase in {Phase.QUEUED, Phase.ENDED_QUEUED} | {Phase.FINISHED}
        for run, jobs in self.state.runs.items():
            assert len({job.batch for job in jobs.values()}) == 1, "jobs of one run with two widths"
            assert run.id == next(iter(jobs.values())).batch.id  # type: ignore[union-attr] # reason: it is of a run

    @invariant()
    def proofs_are_those_that_something_refers_to(self) -> None:
        used = self.store.read(
            "SELECT proof FROM jobs UNION SELECT stop_proof FROM jobs"
            " UNION SELECT change_proof FROM jobs UNION SELECT limit_proof FROM jobs UNION SELECT change_proof FROM batches"
        )
        kept = self.store.read("SELECT row FROM proofs WHERE envelope IN (?, ?)", (b"change", b"width"))
        assert {row for (row,) in kept} <= {row for (row,) in used}

    @invariant()
    def time_goes_on(self) -> None:
        self.steps += 1

    @invariant()
    def nothing_is_launched_twice(self) -> None:
        assert all(times == 1 for times in self.engine.launched.values())
        assert {key.job for key in self.engine.launched} <= self.asked.keys()

    @invariant()
    def attempts_follow_each_other_and_end(self) -> None:
        attempts: dict[JobKey, list[int]] = {}
        for key in self.engine.launched:
            attempts.setdefault(key.job, []).append(key.attempt)
        for job, numbers in attempts.items():
            # One that was launched may have been lost with the machine.
            most = max(1 + (spec.retry.most if spec.retry is not None else 0) for spec in self.asked[job])
            assert sorted(set(numbers)) == list(range(1, len(numbers) + 1))
            assert len(numbers) <= most
        assert len({key.job for key in self.engine.running}) == len(self.engine.running), "two attempts at once"
        for job, before in self.launched_before.items():
            assert self.attempts_of(job) <= before, "an attempt after a stop"

    @invariant()
    def events_are_dense_and_each_life_is_one_of_the_table(self) -> None:
        lives: dict[JobKey, str] = {}
        found = self.events()
        assert [event.seq for event in found] == list(range(1, len(found) + 1))
        for event in found:
            key = JobKey(event.key.owner, event.key.id)
            kind = event_pb2.EventKind.Name(event.kind).removeprefix("EVENT_KIND_")
            lives[key] = ALLOWED[lives.get(key, ""), kind]

    # --- in the end

    def teardown(self) -> None:
        """Nothing goes wrong any more."""
        try:
            self.settle(set[AttemptKey])
            self.let_all_go()
            # Acknowledged, or durable when somebody killed the desk.
            stops = self.stops | {job.key for job in self.live.values() if job.state is Shown.STOPPING}
            self.settle(lambda: self.engine.to_end & self.engine.running.keys())
            for job in self.live.values():
                if job.attempt.key in self.engine.running and job.changed_limit_ms is not None:
                    assert self.engine.limits[job.attempt.key] == job.changed_limit_ms
            for key in stops:
                job = self.lookup.job(key)
                assert job is not None
                assert job.attempt.phase is Phase.FINISHED, "a stop that was acknowledged was forgotten"
            self.settle(lambda: set(self.engine.running))
            assert not self.live
            assert not self.engine.ended
            for check in (self.what_was_acknowledged_is_there, self.nothing_is_launched_twice):
                check()
            finished = Counter(event.key.SerializeToString() for event in self.events() if event.kind == event_pb2.EVENT_KIND_FINISHED)
            assert len(finished) == self.store.read("SELECT count(*) FROM jobs")[0][0]
            assert set(finished.values()) <= {1}
        finally:
            self.patches.undo()
            self.kill(written=False)
            self.loop.close()
            shutil.rmtree(self.folder)

    def let_all_go(self) -> None:
        while held := [key for key, job in self.live.items() if job.held_by is not None and job.attempt.phase in WAITING]:
            self.desk.take(Alter(held, False, None, None, "somebody", b"change", lambda refused: None))  # noqa: FBT003 -- held
            self.settle(set[AttemptKey])

    def settle(self, ending: Callable[[], set[AttemptKey]]) -> None:
        for _ in range(200):
            if self.state.deadlines:
                self.time_passes()
            if not self.ready():
                self.find_all()
            if not (ending() or self.engine.untold or self.gate.group):
                return
            for key in ending():
                self.engine.finish(key)
            if self.engine.untold:
                self.facts_arrive(len(self.engine.untold))
            if self.gate.group:
                self.the_disk_has_written()
        raise AssertionError("it does not come to rest")


WhatAlwaysHolds.TestCase.settings = briefly(100, 40)
TestWhatAlwaysHolds = WhatAlwaysHolds.TestCase
TestWhatAlwaysHoldsAtLength = at_length(WhatAlwaysHolds, 400, 80)
