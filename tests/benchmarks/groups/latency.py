"""Latency of the durable acknowledgement of one job and of the report of its end, also next to a job that writes without pause."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL
from time import monotonic_ns, perf_counter_ns, sleep
from types import TracebackType
from typing import Self

from limits.bare.client import BareWorker
from limits.durable_echo import DurableEcho
from stage import CannotMeasure, Ground, Stage
from table import Line, Pairs, at_most, unmeasured

from jobwire.client.library.client import Client
from jobwire.client.library.job import Job

BESIDE_A_WRITER = "beside a job that writes without pause, p99"
# More than it can write in one round, and not more than fits into memory if it is forgotten.
_WRITER_BYTES = 2_000_000_000
_SLOTS = 4
_WARM_UP = 20
_MEDIAN, _WORST = 0.5, 0.99
# The start of a job that runs this long is durable before it ends; if it ends at once, both are reported together.
_SHORT_MS, _LONGER_MS = 0, 10


def measure(ground: Ground) -> list[Line]:
    """Measure one job at a time, first on a quiet worker."""
    lines = _quiet(ground, ground.memory, judged=True)
    if not ground.quick:
        lines += _quiet(ground, ground.disk, judged=False)
    return lines + _beside_a_writer(ground)


def _quiet(ground: Ground, logs: Path, *, judged: bool) -> list[Line]:
    where = "" if judged else ", logs on disk"
    acknowledged, end_known = at_most(1.7, 1.4), at_most(1.8, 1.5)
    acknowledged_what = f"submit until acknowledged durable, p50{where}"
    end_known_whats = {
        _LONGER_MS: f"last instruction until the end is known, job of {_LONGER_MS} ms, p50{where}",
        _SHORT_MS: f"last instruction until the end is known, job that ends at once, p50{where}",
    }
    try:
        program = os.fspath(ground.compiled("jobs/last_instant.c"))
    except CannotMeasure as why:
        return [
            unmeasured(acknowledged_what, acknowledged, str(why)),
            *(unmeasured(what, end_known, str(why)) for what in end_known_whats.values()),
        ]
    count = (50 if ground.quick else 400) if judged else 100
    limits: dict[int, list[float]] = {milliseconds: [] for milliseconds in end_known_whats}
    acknowledgements: list[float] = []
    ends: dict[int, list[float]] = {milliseconds: [] for milliseconds in end_known_whats}
    bare_acknowledgements: list[float] = []
    bare_ends: dict[int, list[float]] = {milliseconds: [] for milliseconds in end_known_whats}
    with (
        ground.stage(slots=_SLOTS, logs=logs) as stage,
        stage.client() as client,
        DurableEcho(stage.folder / "echo.db") as echo,
        BareWorker(stage.folder / "bare.db", ground.fresh(logs, "bare"), _SLOTS) as bare,
    ):
        for _ in range(_WARM_UP + count):
            for milliseconds, into in ends.items():
                # A machine that was idle for some milliseconds is slower by a factor of two, so the limit is measured in the same way.
                sleep(milliseconds / 1000)
                limits[milliseconds].append(echo.call())
                begun = perf_counter_ns()
                job = client.submit([program, str(milliseconds)])
                if milliseconds == _SHORT_MS:
                    acknowledgements.append((perf_counter_ns() - begun) / 1e6)
                job.wait()
                known = monotonic_ns()
                into.append((known - int(job.stdout_tail)) / 1e6)
                sleep(milliseconds / 1000)
                bare_acknowledged, bare_ended = bare.run(program, str(milliseconds))
                if milliseconds == _SHORT_MS:
                    bare_acknowledgements.append(bare_acknowledged)
                bare_ends[milliseconds].append(bare_ended)
    note = "limit here and below: a CURVE round trip of 200 bytes with one durable SQLite commit in it" if judged else ""
    pairs = Pairs(limits[_SHORT_MS][_WARM_UP:], acknowledgements[_WARM_UP:])
    lines = [pairs.line_at(_MEDIAN, acknowledged_what, "ms", acknowledged, judged=judged, note=note)]
    for milliseconds, what in end_known_whats.items():
        pairs = Pairs(limits[milliseconds][_WARM_UP:], ends[milliseconds][_WARM_UP:])
        lines.append(pairs.line_at(_MEDIAN, what, "ms", end_known, judged=judged))
    pairs = Pairs(limits[_SHORT_MS][_WARM_UP:], bare_acknowledgements[_WARM_UP:])
    lines.append(pairs.line_at(_MEDIAN, f"{acknowledged_what}, bare worker", "ms", acknowledged, judged=False))
    for milliseconds, what in end_known_whats.items():
        pairs = Pairs(limits[milliseconds][_WARM_UP:], bare_ends[milliseconds][_WARM_UP:])
        lines.append(pairs.line_at(_MEDIAN, f"{what}, bare worker", "ms", end_known, judged=False))
    return lines


class Writer:
    """A job that writes zeros into its log without pause; started again when it ends."""

    def __init__(self, client: Client, stage: Stage) -> None:
        self._client = client
        self._logs = stage.logs
        self._begin()

    def keep_on(self) -> None:
        """Ensure that it is writing."""
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
        # Frees memory without removing files.
        for log in self._logs.glob(f"{self._job.pid}_*/stdout"):
            os.truncate(log, 0)


def _await_start(client: Client, job: Job) -> None:
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
