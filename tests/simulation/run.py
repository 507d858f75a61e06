"""How much a broker keeps up with: the real desk, queue, placement, engine and store, over simulated links, machines and clock.

    python tests/simulation/run.py [--workers N,N...] [--jobs N] [--slots N] [--slots-in-all N] [--seconds S] [--at-once] [--labels]
                                   [--restart] [--collect] [--profile FILE]

Jobs run for a minute of the simulated clock, which goes on when the desk has done its work: what is measured is how many jobs the desk
takes from the queue to their recorded end in a second of real time, with all slots in use. They take between half a minute and one and a
half, so that about a hundred end in each step of the clock; with `--at-once`, all that began together end together. Printed for each size:
jobs a second, CPU time of a job (that of the simulated workers included), how long the ends of one step take until they are durable and the
next jobs are under way, messages and bytes to workers for a job, memory, the size of the store, how long it takes until all workers have
joined, and how fast jobs are accepted. With `--restart` also how long the next desk takes to know all jobs again, and how long a request
waits at most meanwhile; with `--collect`, how long the garbage collector looks at all objects, as once an hour. What is under way is told
on stderr, and at the end how many jobs have run; if one ran twice, that is a failure.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import gc
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "tests/support/doubles"), str(Path(__file__).parent)]

from broker_house import ContentsDouble  # noqa: E402 -- found by the path above
from desk_house import EngineDouble, House  # noqa: E402 -- as above
from simulated import SimulatedLink, World  # noqa: E402 -- as above

from jobwire.broker.desk.inputs import Accepted  # noqa: E402 -- as above
from jobwire.broker.fleet.engine import FleetEngine  # noqa: E402 -- as above
from jobwire.broker.own_process.collector import follow_collections  # noqa: E402 -- as above
from jobwire.broker.requests.asked_jobs import read_jobs  # noqa: E402 -- as above
from jobwire.client.protocol.proving import ROOTS, prove  # noqa: E402 -- as above
from jobwire.keys.identity import Identity, generate  # noqa: E402 -- as above
from jobwire.keys.members.limits import EVERYBODYS  # noqa: E402 -- as above
from jobwire.schemas.frames import MOST_JOBS_PER_START  # noqa: E402 -- as above
from jobwire.schemas.generated import request_pb2  # noqa: E402 -- as above
from jobwire.schemas.jobs import spec as specs  # noqa: E402 -- as above
from jobwire.schemas.jobs.spec import JobSpec  # noqa: E402 -- as above

_JOB_US = 60_000_000
_SPREAD_US = 30_000_000
# The simulated clock goes on in steps in which about so many jobs end, which are told together: a desk that has as much to do as it can
# finds what has come meanwhile, and where one job ended at a time, the disk would be measured.
_ENDS_A_STEP = 100
_TOLD_SECONDS = 10.0


class Size(NamedTuple):
    """What is simulated."""

    workers: int
    jobs: int
    slots: int
    seconds: float
    labels: bool
    at_once: bool = False
    restart: bool = False
    collect: bool = False


class Found(NamedTuple):
    """What was measured."""

    joined_seconds: float
    accepted_a_second: float
    jobs_a_second: float
    ended: int
    p50_ms: float
    p99_ms: float
    memory_bytes: int
    messages_a_job: float
    bytes_a_job: float
    cpu_us_a_job: float
    store_bytes: int
    # How many jobs still waited at the end.
    waiting: int
    restart_seconds: float
    unanswered_seconds: float
    # How long the collector looks at all objects.
    collecting_seconds: float


class Simulation:
    """One broker with simulated workers."""

    def __init__(self, folder: Path, size: Size) -> None:
        self.size = size
        self.world = World(_JOB_US, 0 if size.at_once else _SPREAD_US)
        self._link = type("ThisLink", (SimulatedLink,), {"world": self.world, "slots": size.slots})
        self.client: Identity = generate()
        self.identity = generate()
        self.house = House(folder / "state.db", EngineDouble(), make_engine=self._make_engine)
        self.house.limits = replace(EVERYBODYS, queued_jobs=1 << 30)
        self._open()
        self.numbers = iter(range(1, 1 << 40))
        self.waits: list[float] = []
        self._step_us = _JOB_US * _ENDS_A_STEP // (size.workers * size.slots)
        self._told_at = time.perf_counter()

    def _make_engine(self) -> Any:
        self.engine = FleetEngine(
            *(self.identity, ContentsDouble(), self.house.store),
            hear=lambda facts: self.house.desk.hear(facts),  # noqa: PLW0108 -- it is made later
            set_machine=lambda order: self.house.desk.take(order),  # noqa: PLW0108 -- as above
            accept_key=lambda _: None,
            member_of=lambda _: None,
            named=lambda _: None,
            now_us=lambda: self.world.now_us,
            gather_seconds=0,
            link=self._link,
        )
        self.house.stock = self.engine.stock
        return self.engine

    def _open(self) -> None:
        self.house.open()
        self.house.desk._executor.publisher = _Nobody()

    async def restart(self) -> tuple[float, float]:
        """Open the next desk on the same store.

        Return how many seconds it takes until it knows all jobs, and how many a request waits at most meanwhile.
        """
        self.close()
        began = time.perf_counter()
        self._open()
        recovering = asyncio.ensure_future(self.house.desk.recover())
        longest = 0.0
        while not recovering.done():
            at = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - at)
        await recovering
        return time.perf_counter() - began, longest

    def tell(self, what: str) -> None:
        """Say on stderr what is under way, now and then."""
        now = time.perf_counter()
        if now >= self._told_at + _TOLD_SECONDS:
            self._told_at = now
            print(f"{what}, {_resident_bytes() >> 20} MiB, {time.process_time():.0f} s of CPU time", file=sys.stderr, flush=True)

    def join(self) -> None:
        """Let all workers join."""
        for number in range(self.size.workers):
            worker = self.engine.workers.get(number.to_bytes(4, "big") * 8)
            worker.link.join()  # type: ignore[attr-defined] # reason: it is a simulated one

    async def submit(self, count: int) -> None:
        """Submit jobs, in as few starts as can be."""
        kinds = 16 if self.size.labels else 1
        spec = [
            specs.to_wire(JobSpec(argv=(b"/usr/bin/simulate", b"--now"), on=("host",) if kind else (), cpus=1 + kind % 2 if kind else 0))
            for kind in range(kinds)
        ]
        while count > 0:
            now = min(MOST_JOBS_PER_START, count)
            count -= now
            jobs = [
                request_pb2.NewJob(id=number.to_bytes(16, "big"), spec=spec[number % kinds])
                for number, _ in zip(self.numbers, range(now), strict=False)
            ]
            raw = self._signed(request_pb2.Request(id=1, start=request_pb2.Start(jobs=jobs)))
            done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            self.house.desk.accept(self.client.public, list(read_jobs(jobs)), None, raw, done.set_result)
            answer = await done
            assert isinstance(answer, Accepted), answer
            self.tell(f"{count} jobs are still to be accepted")

    def _signed(self, request: request_pb2.Request) -> bytes:
        """Return a request as a client of today sends it, signed by a root over its jobs."""
        raw = request.SerializeToString()
        hello = request_pb2.HelloReply(nonce=b"n" * 16, features=[ROOTS], kind="broker")
        proof = prove(self.client, self.identity.public, hello, request, raw, self.world.now_us)
        return request_pb2.Envelope(request=raw, proof=proof).SerializeToString()

    async def step(self) -> bool:
        """Let jobs end, and the desk record that, and start others; return False if nothing runs any more."""
        began = time.perf_counter()
        self.house.now = self.world.now_us
        wanted = self.world.running
        if not self.world.advance(self._step_us):
            return False
        ends = wanted - self.world.running
        settled = self.world.settled
        all_settled = asyncio.Event()
        self.world.when_settled = lambda: all_settled.set() if self.world.settled >= settled + ends else None
        await all_settled.wait()
        self.waits.append(time.perf_counter() - began)
        return True

    async def quiet(self) -> None:
        """Wait until nothing is under way."""
        before = -1
        while before != self.world.messages.total():
            before = self.world.messages.total()
            for _ in range(3):
                await self.house.durable()
                await asyncio.sleep(0)

    def collect(self) -> float:
        """Return how many seconds the collector looks at all objects, as it does once an hour."""
        gc.unfreeze()
        began = time.perf_counter()
        gc.collect()
        return time.perf_counter() - began

    def check(self) -> None:
        """Fail unless the store knows exactly the jobs that were settled as ended; say how many there are."""
        ((ended,),) = self.house.store.read("SELECT count(*) FROM jobs WHERE state = 4 AND ok = 1")
        started = self.world.runs.count(1)
        print(f"{started} jobs were started, none twice; {ended} have ended, as the store has it", file=sys.stderr, flush=True)
        if not self.world.settled <= ended <= started:
            raise AssertionError(f"{self.world.settled} jobs were settled")

    def close(self) -> None:
        """Close the desk and its store."""
        self.engine.close()
        self.house.close()


class _Nobody:
    """Has no subscribers."""

    def publish(self, events: object) -> None:
        """Do nothing."""


async def simulate(folder: Path, size: Size) -> Found:
    """Measure one size."""
    simulation = Simulation(folder, size)
    try:
        began = time.perf_counter()
        simulation.join()
        await simulation.quiet()
        joined = time.perf_counter() - began
        began = time.perf_counter()
        await simulation.submit(size.jobs)
        accepted = size.jobs / (time.perf_counter() - began)
        await simulation.quiet()
        simulation.world.messages.clear()
        simulation.world.sent_bytes, used = 0, time.process_time()
        began, before = time.perf_counter(), simulation.world.settled
        while time.perf_counter() < began + size.seconds and await simulation.step():
            simulation.tell(f"{simulation.world.settled - before} jobs have ended")
        took = time.perf_counter() - began
        ended = simulation.world.settled - before
        used = time.process_time() - used
        waits = sorted(simulation.waits) or [0.0]
        memory, messages, waiting = _resident_bytes(), simulation.world.messages.total(), len(simulation.house.state.queue)
        collecting = simulation.collect() if size.collect else 0.0
        simulation.check()
        restarted, unanswered = await simulation.restart() if size.restart else (0.0, 0.0)
        return Found(
            joined,
            accepted,
            ended / took if took else 0.0,
            ended,
            statistics.median(waits) * 1000,
            waits[int(len(waits) * 0.99)] * 1000,
            memory,
            messages / max(1, ended),
            simulation.world.sent_bytes / max(1, ended),
            used / max(1, ended) * 1e6,
            (folder / "state.db").stat().st_size,
            waiting,
            restarted,
            unanswered,
            collecting,
        )
    finally:
        simulation.close()


def _resident_bytes() -> int:
    """Return the memory of this process: the broker, and the simulated workers."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _in_a_process(size: Size, profile: str) -> Iterator[Found]:
    """Measure one size in a process of its own, as memory is that of a process."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            follow_collections()
            with tempfile.TemporaryDirectory(prefix="jobwire-simulation-") as folder, _profiled(profile):
                found = asyncio.run(simulate(Path(folder), size))
            os.write(writing, repr(tuple(found)).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    if said:
        yield Found(*(float(number) for number in said.decode().strip("()").split(", ")))  # type: ignore[arg-type] # reason: numbers


@contextlib.contextmanager
def _profiled(file: str) -> Iterator[None]:
    if not file:
        yield
        return
    profile = cProfile.Profile()
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        profile.dump_stats(file)


_COLUMNS: Sequence[tuple[str, Callable[[Found], float], int]] = (
    ("workers", lambda _: 0, 9),
    ("jobs/s", lambda found: found.jobs_a_second, 8),
    ("CPU us", lambda found: found.cpu_us_a_job, 8),
    ("p50 ms", lambda found: found.p50_ms, 9),
    ("p99 ms", lambda found: found.p99_ms, 9),
    ("messages", lambda found: found.messages_a_job, 10),
    ("bytes", lambda found: found.bytes_a_job, 8),
    ("MiB", lambda found: found.memory_bytes / 2**20, 7),
    ("store MiB", lambda found: found.store_bytes / 2**20, 11),
    ("join s", lambda found: found.joined_seconds, 8),
    ("accepted/s", lambda found: found.accepted_a_second, 12),
    ("ended", lambda found: found.ended, 8),
    ("waiting", lambda found: found.waiting, 9),
    ("restart s", lambda found: found.restart_seconds, 10),
    ("waits ms", lambda found: found.unanswered_seconds * 1000, 9),
    ("collecting ms", lambda found: found.collecting_seconds * 1000, 14),
)


def main() -> int:
    """Measure the sizes that were asked for, and print a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", default="100,1000", help="how many, with commas")
    parser.add_argument("--jobs", type=int, default=20_000, help="how many wait at first")
    parser.add_argument("--slots", type=int, default=4, help="of each worker")
    parser.add_argument("--slots-in-all", type=int, default=0, help="of all workers together, instead")
    parser.add_argument("--seconds", type=float, default=25, help="for each size")
    parser.add_argument("--at-once", action="store_true", help="jobs that began together end together")
    parser.add_argument("--restart", action="store_true", help="measure also how long the next desk takes to know all jobs again")
    parser.add_argument("--collect", action="store_true", help="measure also how long the collector looks at all objects")
    parser.add_argument("--labels", action="store_true", help="jobs of several kinds, most of which ask for a label")
    parser.add_argument("--profile", default="", metavar="FILE", help="write a profile of the last size")
    asked = parser.parse_args()
    print("".join(f"{name:<{width}}" for name, _, width in _COLUMNS))
    for workers in map(int, asked.workers.split(",")):
        slots = max(1, asked.slots_in_all // workers) if asked.slots_in_all else asked.slots
        size = Size(workers, asked.jobs, slots, asked.seconds, asked.labels, asked.at_once, asked.restart, asked.collect)
        for found in _in_a_process(size, asked.profile):
            cells = (
                f"{read(found):<{width}.{1 if name.endswith((' ms', ' s', 'messages')) else 0}f}" for name, read, width in _COLUMNS[1:]
            )
            print(f"{workers:<9}{''.join(cells)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
