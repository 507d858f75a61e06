"""What a broker costs: jobs through it, their acknowledgements and logs, against its worker asked itself; and a broker that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
from statistics import median
from time import perf_counter, sleep

from groups.launching import launch_at_once
from lab import Lab, cpu_seconds
from stage import Ground
from table import Line, Pairs, amount, at_most, in_turns, quantile, share

from jobwire.client.library.client import Client
from jobwire.client.library.job import Job
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import State

_SLOTS = 8
_WORKERS = 4
_WARM_UP = 100
_BLOCK = 25
_BLOCK_BYTES = 64 * 1024
_READ_BYTES = 1024 * 1024
_UNTIL_IT_FLOWS_SECONDS = 1.0
_LINE_BYTES = 10_000_000
# A gigabyte: longer than all signals take.
_LONG_BLOCKS = 16_000


def measure(ground: Ground) -> list[Line]:
    """Measure with one worker, and the recovery with four."""
    with Lab(ground, workers=1, slots=_SLOTS) as lab, lab.client() as through, lab.workers[0].client() as direct:
        lines = [*_launched(ground, lab, direct, through), _acknowledged(ground, direct, through), _read(ground, lab, through)]
    return [*lines, _controlled(ground), *_recovered(ground)]


def _launched(ground: Ground, lab: Lab, direct: Client, through: Client) -> list[Line]:
    count, rounds = (300, 3) if ground.quick else (2000, 5)
    costs: dict[int, list[float]] = {id(direct): [], id(through): []}

    def launch(client: Client) -> float:
        before = cpu_seconds(lab.pids)
        rate = launch_at_once(client, count)
        costs[id(client)].append((cpu_seconds(lab.pids) - before) / count * 1000)
        return rate

    for client in (direct, through):
        launch_at_once(client, _WARM_UP)
    rates = in_turns(lambda: launch(direct), lambda: launch(through), rounds)
    what = f"{count} jobs of one start through a broker"
    cost = Pairs(costs[id(direct)], costs[id(through)])
    note = f"limit here and below: its one worker, asked itself; {_SLOTS} slots"
    return [
        rates.line(what, "jobs/s", share(50, 65), note=note),
        cost.line(f"{what}, processor time of the daemons a job", "ms", at_most(3, 2), judged=False),
    ]


def _acknowledged(ground: Ground, direct: Client, through: Client) -> Line:
    rounds = 5 if ground.quick else 20

    def submit(client: Client) -> float:
        begun = perf_counter()
        job = client.submit(["/bin/true"])
        taken = perf_counter() - begun
        job.wait()
        return taken * 1000

    # In blocks: whoever was idle for some milliseconds is slower, and the worker never is, as it takes part in both.
    limits: list[float] = []
    ours: list[float] = []
    for _ in range(rounds):
        limits += [submit(direct) for _ in range(_BLOCK)]
        ours += [submit(through) for _ in range(_BLOCK)]
    return Pairs(limits, ours).line_at(0.5, "submit until acknowledged durable by a broker, p50", "ms", at_most(1.3, 1.1))


def _read(ground: Ground, lab: Lab, through: Client) -> Line:
    blocks, rounds = (3200, 2) if ground.quick else (16_000, 3)
    worker = lab.workers[0]
    job = _written(through, blocks)
    size = blocks * _BLOCK_BYTES
    command = worker.command("logs", job.id)
    pairs = in_turns(lambda: _rate(command, worker.environment, size), lambda: _rate(command, lab.environment(), size), rounds)
    return pairs.line(f"jobwire logs of {size / 1e9:.2g} GB through a broker", "MB/s", share(60, 85))


def _written(client: Client, blocks: int) -> Job:
    job = client.submit(["/bin/dd", "if=/dev/zero", f"bs={_BLOCK_BYTES}", f"count={blocks}", "status=none"])
    job.wait()
    return job


def _controlled(ground: Ground) -> Line:
    """Measure signals to a job while a log flows from its worker, against the same without that, over a line that the log fills."""
    samples, rounds = (50, 2) if ground.quick else (200, 4)
    quiet: list[float] = []
    busy: list[float] = []
    with Lab(ground, workers=1, slots=2, line_bytes=_LINE_BYTES) as lab, lab.client() as through:
        reading = lab.workers[0].command("logs", _written(through, _LONG_BLOCKS).id)
        sleeper = through.submit(["/bin/sleep", "3600"])
        _await_started(through, [sleeper])
        for _ in range(rounds):
            quiet += [_signalled(sleeper) for _ in range(samples)]
            with subprocess.Popen(reading, env=lab.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as flow:
                sleep(_UNTIL_IT_FLOWS_SECONDS)
                busy += [_signalled(sleeper) for _ in range(samples)]
                if flow.poll() is not None:
                    raise RuntimeError("the log has ended before the last signal")
                flow.terminate()
    what = f"signal to a job while a log fills the line of {_LINE_BYTES / 1e6:.0f} MB/s from its worker, p99"
    note = f"limit: no log flows; p50 {quantile(quiet, 0.5):.1f} ms and {quantile(busy, 0.5):.1f} ms"
    return Pairs(quiet, busy).line_at(0.99, what, "ms", at_most(3, 2), note=note)


def _signalled(job: Job) -> float:
    begun = perf_counter()
    job.send_signal(signal.SIGURG)
    return (perf_counter() - begun) * 1000


def _rate(command: list[str], environment: dict[str, str], size: int) -> float:
    begun = perf_counter()
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as reading:
        assert reading.stdout is not None
        buffer = bytearray(_READ_BYTES)
        received = 0
        while got := os.readv(reading.stdout.fileno(), [buffer]):
            received += got
    if received != size or reading.returncode:
        raise RuntimeError(f"{command} wrote {received} of {size} bytes and ended {reading.returncode}")
    return size / (perf_counter() - begun) / 1e6


def _recovered(ground: Ground) -> list[Line]:
    """Start the jobs once, then kill the broker again and again; each time it is started again at once."""
    count, rounds = (100, 2) if ground.quick else (1000, 5)
    answered: list[float] = []
    joined: list[float] = []
    with Lab(ground, workers=_WORKERS, slots=count // _WORKERS) as lab:
        with lab.client() as client:
            _await_started(client, client.submit_many([JobSpec((b"/bin/sleep", b"3600"))] * count))
        for _ in range(rounds):
            begun = perf_counter()
            lab.restart()
            with lab.client() as client:
                running = sum(info.state is State.RUNNING for info in client.list())
            answered.append(perf_counter() - begun)
            if running != count:
                raise RuntimeError(f"{running} of {count} jobs run after the broker was killed")
            lab.await_workers()
            joined.append(perf_counter() - begun)
    what = f"broker killed with {count} running jobs on {_WORKERS} workers"
    note = f"{rounds} times, the longest {max(answered):.2f} s; the answer is the whole list"
    return [
        amount(f"{what} until it has answered a list", median(answered), at_most(5, 2, "s"), note=note),
        amount(f"{what} until all of them are ready again", median(joined), at_most(10, 5, "s"), judged=False),
    ]


def _await_started(client: Client, jobs: list[Job]) -> None:
    while any(job.pid is None for job in jobs):
        client.pump()
