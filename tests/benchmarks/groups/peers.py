"""How long many short jobs take, compared with what else people run them with: HyperQueue, task-spooler, and `xargs -P`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

from stage import Ground, Stage
from table import Line, Promise, in_turns, unmeasured

_SLOTS = 8
_PROGRAM = "/bin/true"
_DEADLINE_SECONDS = 300
_AGAINST_HYPERQUEUE = Promise(1.3, 2, "x", least=True)
_AGAINST_SPOOLER = Promise(1, 1.3, "x", least=True)
_LIMITS = Path(__file__).parent.parent / "limits"


def measure(ground: Ground) -> list[Line]:
    """Measure whole commands, from their start to their end, in jobs per second; the logs of all are in memory."""
    few, many, rounds = (200, 1000, 1) if ground.quick else (1000, 10_000, 3)
    with ground.stage(slots=_SLOTS) as stage:
        _ours(stage, ground, 20)
        return [
            _against_hyperqueue(ground, stage, many, rounds),
            _against_spooler(ground, stage, few, rounds),
            in_turns(lambda: _xargs(ground, few), lambda: _ours(stage, ground, few), rounds).line(
                f"{few} {_PROGRAM} by batch --lines, against xargs -P{_SLOTS} with logs", "jobs/s", _AGAINST_SPOOLER, judged=False
            ),
        ]


def _against_hyperqueue(ground: Ground, stage: Stage, count: int, rounds: int) -> Line:
    what = f"{count} {_PROGRAM} by batch --lines, against HyperQueue"
    if importlib.util.find_spec("hyperqueue") is None:
        return unmeasured(what, _AGAINST_HYPERQUEUE, "the Python package hyperqueue is not installed")

    def limit() -> float:
        folder = ground.fresh(ground.memory, "hyperqueue")
        said = _output([sys.executable, str(_LIMITS / "hyperqueue_batch.py"), str(count), str(_SLOTS), str(folder)], os.environ)
        # Its server prints a table first.
        return float(said.splitlines()[-1])

    note = "HyperQueue counts from the submission, in a process that is running already; jobwire from the start of the command"
    return in_turns(limit, lambda: _ours(stage, ground, count), rounds).line(what, "jobs/s", _AGAINST_HYPERQUEUE, note=note)


def _against_spooler(ground: Ground, stage: Stage, count: int, rounds: int) -> Line:
    what = f"{count} {_PROGRAM} by batch --lines, against tsp -S {_SLOTS}"
    tsp = shutil.which("tsp")
    if tsp is None:
        return unmeasured(what, _AGAINST_SPOOLER, "task-spooler (tsp) is not installed")

    def limit() -> float:
        folder = ground.fresh(ground.memory, "tsp")
        surroundings = {**os.environ, "TS_SOCKET": str(folder / "socket"), "TS_MAXFINISHED": str(count), "TMPDIR": str(folder)}
        try:
            _output([tsp, "-S", str(_SLOTS)], surroundings)
            last = f"for number in $(seq {count}); do last=$({tsp} {_PROGRAM}); done; {tsp} -w $last; {tsp} | grep -c finished"
            begun = perf_counter()
            _output(["sh", "-c", last], surroundings)
            return count / (perf_counter() - begun)
        finally:
            _output([tsp, "-K"], surroundings)

    return in_turns(limit, lambda: _ours(stage, ground, count), rounds).line(what, "jobs/s", _AGAINST_SPOOLER)


def _ours(stage: Stage, ground: Ground, count: int) -> float:
    file = _lines(ground, count)
    begun = perf_counter()
    _output(stage.command("batch", "--quiet", "--lines", str(file)), stage.environment)
    return count / (perf_counter() - begun)


def _xargs(ground: Ground, count: int) -> float:
    folder = ground.fresh(ground.memory, "xargs")
    script = f'seq {count} | xargs -P{_SLOTS} -I% sh -c "{_PROGRAM} >{folder}/%.out 2>{folder}/%.err"'
    begun = perf_counter()
    _output(["sh", "-c", script], os.environ)
    return count / (perf_counter() - begun)


def _lines(ground: Ground, count: int) -> Path:
    file = ground.disk / f"{count}-lines"
    if not file.exists():
        file.write_text(f"{_PROGRAM}\n" * count)
    return file


def _output(command: Sequence[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_DEADLINE_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-1000:]}")
    return done.stdout
