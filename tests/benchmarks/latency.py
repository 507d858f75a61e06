"""How soon: the durable acknowledgement of one job, the news of its end, and both with a job that writes without pause."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL
from time import monotonic_ns, perf_counter_ns
from types import TracebackType
from typing import Self

from limits.durable_echo import DurableEcho
from stage import CannotMeasure, Ground, Stage
from table import Line, Pairs, at_most, unmeasured

from jobwire.client.blocking import Client

ACKNOWLEDGED = "submit until acknowledged durable, p50"
END_KNOWN = "a job's last instruction until its end is known, p50"
BESIDE_A_WRITER = "beside a job that writes without pause, p99"
# More than it can write in one round, and no more than memory bears if it is forgotten.
_WRITER_BYTES = 2_000_000_000
_SLOTS = 4
_MEDIAN, _WORST = 0.5, 0.99


def measure(ground: Ground) -> list[Line]:
    """Measure one job at a time, first on a quiet worker."""
    lines = _quiet(ground, ground.memory, judged=True)
    if not ground.quick:
        lines += _quiet(ground, ground.disk, judged=False)
    return lines + _beside_a_writer(ground)


def _quiet(ground: Ground, logs: Path, *, judged: bool) -> list[Line]:
    where = "" if judged else ", logs on disk"
    acknowledged, end_known = (ACKNOWLEDGED + where, at_most(2.0, 1.4)), (END_KNOWN + where, at_most(2.5, 1.6))
    try:
        program = os.fspath(ground.compiled("jobs/last_instant.c"))
    except CannotMeasure as why:
        return [unmeasured(*line, str(why)) for line in (acknowledged, end_known)]
    count = (100 if ground.quick else 1000) if judged else 200
    warm_up = 20
    with ground.stage(slots=_SLOTS, logs=logs) as stage, stage.client() as client, DurableEcho(stage.folder / "echo.db") as echo:
        limits: list[float] = []
        acknowledgements: list[float] = []
        ends: list[float] = []
        for _ in range(warm_up + count):
            limits.append(echo.call())
            begun = perf_counter_ns()
            job = client.submit([program])
            acknowledgements.append((perf_counter_ns() - begun) / 1e6)
            job.wait()
            known = monotonic_ns()
            ends.append((known - int(job.stdout_tail)) / 1e6)
    unit = "ms"
    return [
        Pairs(limits[warm_up:], acknowledgements[warm_up:]).line_at(_MEDIAN, acknowledged[0], unit, acknowledged[1], judged=judged),
        Pairs(limits[warm_up:], ends[warm_up:]).line_at(_MEDIAN, end_known[0], unit, end_known[1], judged=judged),
    ]


class Writer:
    """A job that writes zeros into its log without pause; started anew where it came to its end."""

    def __init__(self, client: Client, stage: Stage) -> None:
        self._client = client
        self._logs = stage.logs
        self._begin()

    def keep_on(self) -> None:
        """Make sure that it writes."""
        if self._job.poll() is not None:
            self._cut_log()
            self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._job.stop(signal=SIGKILL, grace=0)
        self._cut_log()

    def _begin(self) -> None:
        self._job = self._client.submit(["/usr/bin/env", "head", "-c", str(_WRITER_BYTES), "/dev/zero"])
        _await_start(self._client, self._job)

    def _cut_log(self) -> None:
        # Memory is given back, without the removal of anything.
        for log in self._logs.glob(f"{self._job.pid}_*/stdout"):
            os.truncate(log, 0)


def _await_start(client: Client, job: object) -> None:
    while job.pid is None:
        client.pump()


def _beside_a_writer(ground: Ground) -> list[Line]:
    rounds, count = (2, 50) if ground.quick else (5, 200)
    quiet: dict[str, list[float]] = {"acknowledgement": [], "stop": []}
    beside: dict[str, list[float]] = {"acknowledgement": [], "stop": []}
    with ground.stage(slots=_SLOTS) as stage, stage.client() as client, stage.client() as writers_client:
        _sample(client, 20, {"acknowledgement": [], "stop": []}, lambda: None)
        for _ in range(rounds):
            _sample(client, count, quiet, lambda: None)
            with Writer(writers_client, stage) as writer:
                _sample(client, count, beside, writer.keep_on)
    note = f"{rounds * count} samples; limit: the same on a quiet worker"
    return [Pairs(quiet[what], beside[what]).line_at(_WORST, f"{what} {BESIDE_A_WRITER}", "ms", at_most(5, 2), note=note) for what in quiet]


def _sample(client: Client, count: int, into: dict[str, list[float]], each: Callable[[], None]) -> None:
    for _ in range(count):
        each()
        begun = perf_counter_ns()
        job = client.submit(["/bin/sleep", "60"])
        into["acknowledgement"].append((perf_counter_ns() - begun) / 1e6)
        _await_start(client, job)
        begun = perf_counter_ns()
        job.stop(signal=SIGKILL, grace=0)
        into["stop"].append((perf_counter_ns() - begun) / 1e6)
