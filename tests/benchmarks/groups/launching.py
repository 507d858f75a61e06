"""Jobs per second: `/bin/true` with both logs, durable, each in a cgroup, over CURVE, watched until the last has ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic

from limits.bare.client import BareWorker
from stage import CannotMeasure, Ground
from table import Line, Pairs, Promise, in_turns, share, unmeasured

from jobwire.client.library.client import Client
from jobwire.client.protocol.exchange import Exchange, Item
from jobwire.client.sockets.connection import Connection
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs.spec import JobSpec, to_wire
from jobwire.schemas.naming import new_id

PROGRAM = b"/bin/true"
SLOTS_TRIED = (2, 4, 8)
IN_FLIGHT = 32
# As many as a client of jobwire sends in one part.
_BARE_AT_ONCE = 150
_LIMIT_IN_FLIGHT = 2
_WARM_UP = 100
_DEADLINE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Way:
    """A way to start many jobs; `launch` does it and returns jobs per second. The rest is for the bare worker: see `run_many`."""

    what: str
    promise: Promise
    launch: Callable[[Client, int], float]
    at_once: int
    in_flight: int


def measure(ground: Ground) -> list[Line]:
    """Measure both kinds of requests, with the logs in memory, and once with everything on disk."""
    ways = (
        Way("jobs of one start", share(37, 45), launch_at_once, _BARE_AT_ONCE, sys.maxsize),
        Way(f"jobs of a request each, {IN_FLIGHT} in flight", share(28, 35), launch_singly, 1, IN_FLIGHT),
    )
    try:
        ground.compiled("limits/spawn_limit.c")
    except CannotMeasure as why:
        return [unmeasured(way.what, way.promise, str(why)) for way in ways]
    count, rounds = (300, 3) if ground.quick else (2000, 5)
    lines: list[Line] = []
    for way in ways:
        slots, tried = _best_slots(ground, way, count)
        in_memory = _against_limit(ground, ground.memory, slots, way, count, rounds)
        lines.append(in_memory.line(f"{count} {way.what}", "jobs/s", way.promise, note=tried))
        lines.append(_bare(ground, slots, way, count, rounds).line(f"{count} {way.what}, bare worker", "jobs/s", way.promise, judged=False))
        on_disk = _against_limit(ground, ground.disk, slots, way, count, 1)
        lines.append(on_disk.line(f"{count} {way.what}, logs on disk", "jobs/s", way.promise, judged=False))
    return lines


def launch_at_once(client: Client, count: int) -> float:
    """Start jobs with one request, wait for the last end, and return jobs per second."""
    begun = monotonic()
    jobs = client.submit_many([JobSpec((PROGRAM,))] * count)
    client.wait(jobs)
    taken = monotonic() - begun
    failed = sum(job.returncode != 0 for job in jobs)
    if failed:
        raise RuntimeError(f"{failed} of {count} jobs failed")
    return count / taken


def launch_singly(client: Client, count: int) -> float:
    """Start jobs with one request each, a number of them in flight, wait for the last end, and return jobs per second."""
    connection = client.connection
    spec = to_wire(JobSpec((PROGRAM,)))
    flying: list[Exchange] = []
    asked = finished = 0
    begun = monotonic()
    deadline = begun + _DEADLINE_SECONDS
    while finished < count:
        while asked < count and len(flying) < IN_FLIGHT:
            start = request_pb2.Start(jobs=[request_pb2.NewJob(id=new_id(), spec=spec)], watch=True)
            flying.append(connection.ask(request_pb2.Request(start=start)))
            asked += 1
        connection.pump(deadline)
        for exchange in [one for one in flying if one.ended]:
            flying.remove(exchange)
            _check_end(connection, exchange)
            finished += 1
        if monotonic() > deadline:
            raise TimeoutError(f"{finished} of {count} jobs finished within {_DEADLINE_SECONDS} s")
    return count / (monotonic() - begun)


def _check_end(connection: Connection, exchange: Exchange) -> None:
    """Process the replies to one start; its last report must be of a job that exited with status 0."""
    last: Item | None = None
    while (item := connection.take(exchange)) is not None:
        last = item
    if exchange.refusal is not None:
        raise exchange.refusal
    outcome = last.reports.reports[-1].outcome if isinstance(last, request_pb2.Reply) and last.HasField("reports") else None
    if outcome is None or outcome.kind != job_pb2.OUTCOME_KIND_EXITED or outcome.exit_status:
        raise RuntimeError(f"a job did not end as it should: {last}")


def spawn_limit(ground: Ground, root: Path, count: int) -> float:
    """Run the limit's program, and return jobs per second."""
    program, folder = ground.compiled("limits/spawn_limit.c"), ground.fresh(root, "limit")
    command = [str(program), str(count), str(_LIMIT_IN_FLIGHT), str(folder), PROGRAM.decode()]
    return float(subprocess.run(command, env={"PATH": "/usr/bin:/bin"}, stdout=subprocess.PIPE, check=True).stdout)


def _best_slots(ground: Ground, way: Way, count: int) -> tuple[int, str]:
    """Find the best number of slots for this machine; in a quick run, use the middle one."""
    if ground.quick:
        return SLOTS_TRIED[1], f"{SLOTS_TRIED[1]} slots"
    rates: dict[int, float] = {}
    for slots in SLOTS_TRIED:
        with ground.stage(slots=slots) as stage, stage.client() as client:
            way.launch(client, _WARM_UP)
            rates[slots] = way.launch(client, count // 2)
    best = max(rates, key=lambda slots: rates[slots])
    tried = ", ".join(f"{rate:.0f} with {slots}" for slots, rate in rates.items())
    return best, f"{best} slots (tried: {tried} jobs/s)"


def _bare(ground: Ground, slots: int, way: Way, count: int, rounds: int) -> Pairs:
    """Measure the least that a worker in these libraries does: what is below that, no work on jobwire can reach."""
    logs = ground.fresh(ground.memory, "bare")
    with BareWorker(ground.fresh(ground.disk, "bare") / "state.db", logs, slots) as bare:
        bare.run_many(_WARM_UP, way.at_once, way.in_flight)
        limit = partial(spawn_limit, ground, ground.memory, count)
        return in_turns(limit, lambda: bare.run_many(count, way.at_once, way.in_flight), rounds)


def _against_limit(ground: Ground, logs: Path, slots: int, way: Way, count: int, rounds: int) -> Pairs:
    with ground.stage(slots=slots, logs=logs) as stage, stage.client() as client:
        way.launch(client, _WARM_UP)
        return in_turns(lambda: spawn_limit(ground, logs, count), lambda: way.launch(client, count), rounds)
