"""A desk with a real store, and an engine that fails on any unexpected effect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from jobwire.broker.access.delegates import Delegates
from jobwire.broker.access.notary import Notary
from jobwire.broker.depot import Fetched, Piece, Placement, Reading, Sender, Upload
from jobwire.broker.desk.desk import Desk
from jobwire.broker.desk.inputs import Accepted, Asked, Signal, Stop, Suspend
from jobwire.broker.desk.queue.queue import Queue
from jobwire.broker.desk.queue.stock import Stock
from jobwire.broker.desk.state import State
from jobwire.broker.engine import Ended, Expected, Fact, Feeder, Launch, LogPart, LogReader, Run, Started, StreamName
from jobwire.broker.health.condition import Condition
from jobwire.broker.jobs.job import BatchRun, Job, StopOrder
from jobwire.broker.requests.asked_jobs import forget_specs
from jobwire.broker.requests.call import Call
from jobwire.broker.requests.dispatch import Handler
from jobwire.broker.requests.reads.hello import Introduction
from jobwire.broker.requests.schedules import Parts as Schedules
from jobwire.broker.requests.start import find_started_jobs
from jobwire.broker.requests.table import handlers
from jobwire.broker.retention.ages import Ages
from jobwire.broker.retention.followed import Followed
from jobwire.broker.retention.forget import Forgetting
from jobwire.broker.schedules.starter import Starter
from jobwire.broker.schedules.timetable import Timetable
from jobwire.broker.staging.staging import Staging
from jobwire.broker.store.free_space import Room
from jobwire.broker.store.queries import Lookup
from jobwire.broker.store.rows.fleet import relays
from jobwire.broker.store.store import Store
from jobwire.broker.streams.news import News
from jobwire.broker.streams.watchers import Watchers
from jobwire.keys.identity import from_seed
from jobwire.keys.members.limits import EVERYBODYS, Limits
from jobwire.keys.members.rights import Member
from jobwire.schemas.clock import Clock
from jobwire.schemas.frames import LARGEST_FEED_WINDOW
from jobwire.schemas.generated import event_pb2
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.brought_files import BroughtFile
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.jobs.terminal import TerminalSize
from jobwire.schemas.naming import AttemptKey, JobKey
from jobwire.schemas.refusal import Code, Refused
from jobwire.schemas.workers.capacity import Capacity

OWNER = b"o" * 32
DAEMON = from_seed(b"w" * 32)


@dataclass
class DepotDouble:
    """Has the contents that a test gives it, and keeps nothing."""

    contents: set[tuple[bytes, bytes]] = field(default_factory=set)
    placed: list[Placement] = field(default_factory=list)
    # Of every job.
    folder_bytes: int = 0

    def has(self, owner: bytes, file: BroughtFile, lender: bytes = b"") -> bool:
        if (lender, file.digest) in self.contents:
            self.contents.add((owner, file.digest))
        return (owner, file.digest) in self.contents

    def put(self, owner: bytes, file: BroughtFile, limit_bytes: int, sender: Sender, token: bytes = b"") -> Upload:
        return UploadDouble()

    def place(self, wanted: Placement, done: Callable[[Refused | None], None]) -> None:
        self.placed.append(wanted)
        done(None)

    def measure(self, key: JobKey, done: Callable[[int], None]) -> None:
        done(self.folder_bytes)

    def fetch(self, key: AttemptKey, path: bytes, start: int, validator: bytes) -> Reading:
        return ReadingDouble()

    def sweep(self, in_use: Callable[[bytes, Sequence[bytes]], set[bytes]], is_known: Callable[[JobKey], bool]) -> None: ...


class UploadDouble:
    """Never lets anything be sent."""

    reached = 0
    limit = 0

    def write(self, data: memoryview) -> None:
        raise AssertionError("nothing is sent here")

    def leave(self, sender: Sender) -> None: ...


class InletDouble:
    """The input of a job, or its terminal; it takes whatever comes."""

    def __init__(self, held: bytearray, feeder: Feeder) -> None:
        self.held = held
        self.notes: list[tuple[int, bytes]] = []
        self.is_ended = False
        self.problem = ""
        asyncio.get_running_loop().call_soon(feeder.advance)

    @property
    def reached(self) -> int:
        return len(self.held)

    @property
    def limit(self) -> int:
        return len(self.held) + LARGEST_FEED_WINDOW

    def write(self, data: memoryview) -> None:
        self.held += data

    def note(self, size: int, state: bytes) -> None:
        self.notes.append((size, state))

    def noted(self) -> tuple[int, bytes]:
        return max((one for one in self.notes if one[0] <= self.reached), default=(0, b""))

    def reread(self, start: int) -> bytes:
        return bytes(self.held[start:])

    def finish(self, problem: str = "") -> None:
        self.is_ended = True
        self.problem = problem

    def close(self) -> None: ...

    def type(self, data: bytes) -> int:
        self.held += data
        return len(data)

    def resize(self, size: TerminalSize) -> None: ...


class ReadingDouble:
    """Never returns anything."""

    def next(self, length: int, then: Callable[[Piece | Fetched | Refused], None]) -> None: ...

    def close(self) -> None: ...


@dataclass
class EngineDouble:
    """Records effects; `expect` removes them, and any that remain at the end fail the test."""

    capacity: Capacity = field(default_factory=lambda: Capacity(2))
    memory_problem: str = ""
    effects: list[tuple[object, ...]] = field(default_factory=list)
    known: list[Fact] = field(default_factory=list)
    logs: dict[tuple[AttemptKey, StreamName], bytes] = field(default_factory=dict)
    depot: DepotDouble = field(default_factory=DepotDouble)
    # What each job was given as its input; it outlives the worker.
    inputs: dict[AttemptKey, bytearray] = field(default_factory=dict)

    def feed(self, key: AttemptKey, token: bytes, feeder: Feeder) -> InletDouble:
        return InletDouble(self.inputs.setdefault(key, bytearray()), feeder)

    def terminal(self, key: AttemptKey, feeder: Feeder) -> InletDouble:
        return self.feed(key, b"", feeder)

    def start(self, launches: Sequence[Launch]) -> None:
        self.effects += [("start", launch.key) for launch in launches]

    def signal(self, key: AttemptKey, number: int, done: Callable[[Refused | None], None], proof: bytes = b"") -> None:
        done(None)
        self.effects.append(("signal", key, number))

    def limit(self, key: AttemptKey, limit_ms: int) -> None:
        self.effects.append(("limit", key, limit_ms))

    def lend(self, key: AttemptKey, *, begins: bool) -> None:
        """Nothing is to be done here, as at a worker."""

    def pause(self, key: AttemptKey, *, paused: bool, proof: bytes = b"") -> None:
        self.effects.append(("pause", key, paused))

    def end(self, key: AttemptKey, number: int, grace_ms: int) -> None:
        self.effects.append(("end", key, number, grace_ms))

    def settled(self, keys: Sequence[AttemptKey]) -> None:
        self.effects += [("settled", key) for key in keys]

    def discard(self, runs: Sequence[Run], done: Callable[[Sequence[Run]], None]) -> None:
        self.effects += [("discard", run.key) for run in runs]
        done(runs)

    async def recover(self, expected: Sequence[Expected]) -> Sequence[Fact]:
        self.effects.append(("recover", *sorted(one.key for one in expected)))
        return self.known

    def read_log(self, run: Run, stream: StreamName, start: int, length: int) -> LogPart:
        whole = self.logs.get((run.key, stream), b"")
        return LogPart(start, whole[start : start + length], len(whole))

    def tail_log(self, run: Run, stream: StreamName, lines: int, most_bytes: int) -> LogPart:
        whole = self.logs.get((run.key, stream), b"")
        return LogPart(0, b"".join(whole.splitlines(keepends=True)[-lines:])[-most_bytes:], len(whole))

    def follow_log(self, run: Run, stream: StreamName, start: int, on_growth: Callable[[], None]) -> LogReader:
        raise AssertionError("nothing is followed here")

    def follow_timed(self, run: Run, streams: Sequence[StreamName], starts: Sequence[int], on_growth: Callable[[], None]) -> LogReader:
        raise AssertionError("nothing is followed here")

    def find_in_logs(self, run: Run, since_us: int) -> Sequence[int]:
        raise AssertionError("no moment is looked for here")

    def expect(self, *effects: tuple[object, ...]) -> None:
        assert self.effects == list(effects)
        self.effects.clear()


SOMEBODYS = StopOrder(15, 1000, "somebody")


@dataclass(frozen=True)
class Taken:
    """The result of a start."""

    jobs: Sequence[Job]
    known: int
    seq: int


@dataclass
class RosterDouble:
    """What a roster tells of itself."""

    problem: str = ""

    def count(self) -> int:
        return 1


@dataclass
class AlarmDouble:
    """Never rings by itself."""

    rang: Callable[[], None] = lambda: None
    at_us: int | None = None

    def set(self, at_us: int | None) -> None:
        self.at_us = at_us

    def close(self) -> None: ...


@dataclass
class House:
    """One desk with everything around it; `restart` creates the next one on the same store."""

    path: Path
    engine: EngineDouble
    published: list[bytes] = field(default_factory=list)
    now: int = 1_000_000
    # How far the machine's clock was set.
    set_by: int = 0
    limits: Limits = EVERYBODYS
    # Members by name, who can be asked for.
    roster: dict[str, Member] = field(default_factory=dict)
    # Called by the desk; a test may replace them.
    shortage: Callable[[], Refused | None] = lambda: None
    usage_changed: Callable[[], None] = lambda: None
    changed_folders: list[JobKey] = field(default_factory=list)
    # By their keys, whose schedules may start jobs.
    members: dict[bytes, Member] = field(default_factory=lambda: {OWNER: Member("ada", OWNER, "submitter")})
    alarms: dict[tuple[str, int], AlarmDouble] = field(default_factory=dict)
    # The keys of jobs that act for their owners no more.
    disconnected: list[bytes] = field(default_factory=list)
    # Of a broker: what its workers have.
    stock: Stock | None = None
    check: Callable[[Asked], None] | None = None
    notary: Notary | None = None
    # Creates the engine, where that needs the store; it may be called again.
    make_engine: Callable[[], EngineDouble] | None = None

    def open(self) -> None:
        self.watchers = Watchers()
        self.followed = Followed()
        self.store = Store(self.path, asyncio.get_running_loop(), self.watchers.flush)
        if self.make_engine is not None:
            self.engine = self.make_engine()
        self.ages = Ages(
            self.path.parent, fresh=True, wall_us=lambda: self.now + self.set_by, passed_us=lambda: self.now, boot=lambda: "now"
        )
        self.news = News(self.store.id, b"n" * 16, self.store.head, lambda: self.now / 1e6)
        self.state = State(Queue(self.engine.capacity.slots, stock=self.stock), capacity=self.engine.capacity)
        self.live = self.state.live
        self.lookup = Lookup(self.store, self.live)
        self.state.settings = self.lookup.capacity()
        self.state.queue.set_capacity(self.state.settings.over(self.engine.capacity))
        self.forgetting = Forgetting(self.store, self.engine, self.followed.holds, forget_specs)
        self.delegates = Delegates(
            DAEMON,
            self.store.id,
            "/state/worker.json",
            lambda key: self.members.get(key),  # noqa: PLW0108 -- a test may replace it
            self.live,
            lambda key, _: self.disconnected.append(key),
            relay_of=lambda key: relays.relay_of(self.store.read, key),
            relay_description="/state/broker.json",
            derives=self.stock is None,
        )
        self.desk = Desk(
            self.state,
            self.store,
            self.lookup,
            self.engine,
            self,
            self.watchers,
            Clock(lambda: self.now + self.set_by, lambda: self.now),
            self.ages,
            limits_of=lambda _: self.limits,
            shortage=lambda: self.shortage(),  # noqa: PLW0108 -- another may be in its place by then
            ended=lambda: self.timetable.job_ended(),  # noqa: PLW0108 -- it is made below
            usage_changed=lambda: self.usage_changed(),  # noqa: PLW0108 -- as above
            delegates=self.delegates,
            alarm=partial(self.alarm, "desk"),  # type: ignore[arg-type, return-value]
        )
        self.staging = Staging(self.store, self.desk, self.lookup, self.ages, asyncio.get_running_loop(), lambda _: False)
        self.starter = Starter(
            self.desk,
            self.staging,
            self.live,
            lambda key: self.members.get(key),  # noqa: PLW0108 -- as above
            lambda: self.shortage(),  # noqa: PLW0108 -- as above
            asyncio.get_running_loop(),
        )
        self.timetable = Timetable(
            self.store,
            self.starter,
            asyncio.get_running_loop(),
            lambda: self.now + self.set_by,
            partial(self.alarm, "schedules"),  # type: ignore[arg-type, return-value]
        )

    def close(self) -> None:
        self.desk.close()
        self.timetable.close()
        self.store.close()

    def alarm(self, whose: str, clock: int, rang: Callable[[], None]) -> AlarmDouble:
        self.alarms[whose, clock] = made = AlarmDouble(rang)
        return made

    def publish(self, events: Sequence[event_pb2.Event]) -> None:
        self.published += [news for _, news in self.news.tell(events)]

    async def restart(self) -> None:
        self.staging.close()
        self.desk.close()
        self.store.close()
        self.open()
        self.staging.open()
        await self.desk.recover()
        await self.staging.recover()
        self.timetable.open()

    def handlers(self, introduction: Introduction, member_of: Callable[[bytes], Member | None]) -> Mapping[str, Handler]:
        return handlers(
            desk=self.desk,
            lookup=self.lookup,
            watchers=self.watchers,
            followed=self.followed,
            forgetting=self.forgetting,
            engine=self.engine,
            store=self.store,
            news=self.news,
            introduction=introduction,
            condition=Condition(self.state.queue, Room(self.path.parent, 0), RosterDouble(), lambda: self.now),
            member_of=member_of,
            named=self.roster.get,
            ages=self.ages,
            shortage=lambda: self.shortage(),  # noqa: PLW0108 -- as above
            placed=self.changed_folders.append,
            capacity_changed=lambda: None,
            staging=self.staging,
            pair=self.pair,
            list_members=self.list_members,
            change_members=self.change_members,
            notary=self.notary,
            of_schedules=Schedules(
                self.timetable,
                self.starter,
                self.store,
                self.lookup,
                self.desk,
                self.engine,
                self.staging,
                member_of,
                lambda: self.shortage(),  # noqa: PLW0108 -- as above
                lambda: self.now + self.set_by,
                self.check,
            ),
        )

    def pair(self, call: Call) -> None:
        raise Refused(Code.FAILED_PRECONDITION, "nobody is invited here")

    def list_members(self, call: Call) -> None:
        raise Refused(Code.FAILED_PRECONDITION, "there is no file with members here")

    change_members = list_members

    async def durable(self) -> None:
        """Wait until everything submitted so far is on disk and was published."""
        await self.desk.durable()

    async def accept(self, *asked: Asked, batch: BatchRun | None = None, owner: bytes = OWNER) -> Taken:
        done: asyncio.Future[Taken | Refused] = asyncio.get_running_loop().create_future()

        def take(result: Accepted | Refused) -> None:
            if isinstance(result, Accepted):
                jobs = find_started_jobs(result.keys, asked, self.lookup)
                done.set_result(Taken(jobs, result.known, result.seq))
            else:
                done.set_result(result)

        self.desk.accept(owner, asked, batch, b"proof", take)
        result = await done
        if isinstance(result, Refused):
            raise result
        return result

    async def accept_one(self, number: int = 1) -> Job:
        return (await self.accept(asked(number))).jobs[0]

    def stop(self, *jobs: Job, order: StopOrder = SOMEBODYS, done: Callable[[], None] = lambda: None) -> None:
        self.desk.take(Stop([(job.key, order) for job in jobs], b"stop proof", done))

    def signal(self, job: Job, number: int) -> list[Refused | None]:
        answers: list[Refused | None] = []
        self.desk.take(Signal(job.key, number, answers.append))
        return answers

    def suspend(self, *jobs: Job, paused: bool) -> list[Refused | None]:
        answers: list[Refused | None] = []
        self.desk.take(Suspend([job.key for job in jobs], paused, answers.append))
        return answers


def asked(number: int, *argv: bytes) -> Asked:
    spec = JobSpec(argv=argv or (b"true",))
    return Asked(bytes([number]) * 16, spec, specs.digest(spec), specs.to_wire(spec).SerializeToString())


def asked_with(number: int, **fields: Any) -> Asked:
    spec = JobSpec(argv=(b"true",), **fields)
    return Asked(bytes([number]) * 16, spec, specs.digest(spec), specs.to_wire(spec).SerializeToString())


def key(number: int) -> JobKey:
    return JobKey(OWNER, bytes([number]) * 16)


def attempt(number: int, which: int = 1) -> AttemptKey:
    return AttemptKey(*key(number), which)


def started(number: int, *, adopted: bool = False) -> Started:
    return Started(attempt(number), 100 + number, 2_000_000 + number, adopted)


def ended(number: int, status: int = 0) -> Ended:
    return Ended(attempt(number), 100 + number, 2_000_000 + number, 3_000_000 + number, Outcome(OutcomeKind.EXITED, exit_status=status))
