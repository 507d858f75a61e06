"""Bytes per second: from a job to its log, and from a log to a client."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from limits.curve_bulk import megabytes_a_second
from stage import CannotMeasure, Ground, Stage
from table import Line, in_turns, share, unmeasured

from jobwire.client.library.client import Client

CHUNK_BYTES = 256 * 1024
# As much as a pipe holds by default.
BLOCK_BYTES = 64 * 1024
# As large as the worker makes the pipe of a job that writes much.
_PIPE_BYTES = 256 * 1024
_PIPE_READ_BYTES = 1024 * 1024


def measure(ground: Ground) -> list[Line]:
    """Measure writing first, and then reading what was written last."""
    blocks, rounds = (3200, 2) if ground.quick else (16_000, 5)
    lines = []
    with ground.stage(slots=2) as stage, stage.client() as client:
        lines += _written(ground, client, stage, blocks, rounds)
        job_id, log = _leave_a_log(client, stage, blocks)
        read = in_turns(lambda: megabytes_a_second(log, CHUNK_BYTES), lambda: _read_by_command(stage, job_id, log), rounds)
        note = f"limit: CURVE alone, chunks of {CHUNK_BYTES // 1024} KiB; ours: the whole command, its start included"
        lines.append(read.line(f"jobwire logs of {_size(blocks)} to a pipe", "MB/s", share(70, 85), note=note))
    if not ground.quick:
        lines.append(_on_disk(ground, blocks))
    return lines


def _written(ground: Ground, client: Client, stage: Stage, blocks: int, rounds: int) -> Iterator[Line]:
    what, target = f"a job writes {_size(blocks)}", ground.memory / "written"
    try:
        pump = ground.compiled("limits/pump_limit.c")
    except CannotMeasure as why:
        yield unmeasured(what, share(85, 95), str(why))
    else:
        command = [str(pump), str(target), str(_PIPE_BYTES)]
        written = in_turns(lambda: _write(command, target, blocks), lambda: _write_by_job(client, stage, blocks), rounds)
        note = f"limit: a C program that splices a pipe of {_PIPE_BYTES // 1024} KiB into a file, same file system"
        yield written.line(what, "MB/s", share(85, 95), note=note)
    written = in_turns(lambda: _write_straight(target, blocks), lambda: _write_by_job(client, stage, blocks), rounds)
    yield written.line(f"{what}, against straight into a file", "MB/s", share(60, 85), judged=False)


def _on_disk(ground: Ground, blocks: int) -> Line:
    with ground.stage(slots=2, logs=ground.disk) as stage, stage.client() as client:
        straight = ground.disk / "straight"
        written = in_turns(lambda: _write_straight(straight, blocks), lambda: _write_by_job(client, stage, blocks), 1)
    return written.line(f"a job writes {_size(blocks)}, logs on disk", "MB/s", share(60, 85), judged=False)


def _program(blocks: int) -> list[str]:
    return ["/bin/dd", "if=/dev/zero", f"bs={BLOCK_BYTES}", f"count={blocks}", "status=none"]


def _size(blocks: int) -> str:
    return f"{blocks * BLOCK_BYTES / 1e9:.2g} GB"


def _rate(blocks: int, seconds: float) -> float:
    return blocks * BLOCK_BYTES / seconds / 1e6


def _write(prefix: list[str], path: Path, blocks: int) -> float:
    begun = perf_counter()
    subprocess.run([*prefix, *_program(blocks)], check=True)
    taken = perf_counter() - begun
    os.truncate(path, 0)
    return _rate(blocks, taken)


def _write_straight(path: Path, blocks: int) -> float:
    with path.open("wb") as file:
        begun = perf_counter()
        subprocess.run(_program(blocks), stdout=file, check=True)
        taken = perf_counter() - begun
        file.truncate(0)
    return _rate(blocks, taken)


def _write_by_job(client: Client, stage: Stage, blocks: int) -> float:
    begun = perf_counter()
    job = client.submit(_program(blocks))
    job.wait()
    taken = perf_counter() - begun
    log = _log_of(stage, job.pid)
    if log.stat().st_size != blocks * BLOCK_BYTES:
        raise RuntimeError(f"{log} has {log.stat().st_size} bytes")
    os.truncate(log, 0)
    return _rate(blocks, taken)


def _leave_a_log(client: Client, stage: Stage, blocks: int) -> tuple[str, Path]:
    job = client.submit(_program(blocks))
    job.wait()
    return job.id, _log_of(stage, job.pid)


def _log_of(stage: Stage, pid: int | None) -> Path:
    return next(stage.logs.glob(f"{pid}_*/stdout"))


def _read_by_command(stage: Stage, job_id: str, log: Path) -> float:
    size = log.stat().st_size
    begun = perf_counter()
    with subprocess.Popen(
        stage.command("logs", job_id), env=stage.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as command:
        assert command.stdout is not None
        buffer = bytearray(_PIPE_READ_BYTES)
        received = 0
        while got := os.readv(command.stdout.fileno(), [buffer]):
            received += got
        command.wait()
        taken = perf_counter() - begun
    if received != size or command.returncode:
        raise RuntimeError(f"jobwire logs wrote {received} of {size} bytes and ended {command.returncode}")
    return size / taken / 1e6
