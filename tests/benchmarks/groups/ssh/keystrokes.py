"""What somebody who types waits for: from a key until it is seen, on a terminal of a job and on one of ssh."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from groups.ssh.server import SshServer
from stage import CannotMeasure, Stage
from table import Line, Pairs, Promise, at_most

TYPING = "a key on a terminal until it is seen, p50"
TYPING_PROMISE: Promise = at_most(1.5, 1.0)
_LEAST_TYPING = "the same through two programs that only pass bytes between CURVE and terminals"
_LEAST_PROGRAM = Path(__file__).parents[2] / "limits" / "curve_terminal.py"
_PATIENCE = 20
_READY = b"ready"
# The echo is that of the far terminal: the program reads, and writes nothing before a line is complete.
_PROGRAM = ("sh", "-c", "echo ready; exec cat >/dev/null")
# Ctrl-D at the beginning of a line.
_END = b"\n\x04"


def measure_typing(server: SshServer, stage: Stage, keys: int) -> list[Line]:
    """Type one key in turns into three terminals that stay open: through ssh, through jobwire, and through as little as CURVE needs."""
    remote = server.command("sh", "-c", f"'{_PROGRAM[2]}'", options=("-tt",))
    with (
        _terminal(remote, stage.environment) as there,
        _terminal(stage.command("run", "--tty", "--", *_PROGRAM), stage.environment) as ours,
        _terminal([sys.executable, os.fspath(_LEAST_PROGRAM), *_PROGRAM], stage.environment) as least,
    ):
        masters = (there, ours, least)
        for _ in range(keys // 10):
            for master in masters:
                _type(master)
        typed = [[_type(master) for master in masters] for _ in range(keys)]
    limits, own, leasts = zip(*typed, strict=True)
    note = f"{keys} keys; limit: the same through ssh -tt"
    return [
        Pairs(limits, own).line_at(0.5, TYPING, "ms", TYPING_PROMISE, note=note),
        Pairs(limits, leasts).line_at(0.5, _LEAST_TYPING, "ms", TYPING_PROMISE, judged=False),
    ]


@contextmanager
def _terminal(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[int]:
    """Run a command on a terminal, and return its other side once the far program is ready; ends it afterwards."""
    master, slave = os.openpty()
    try:
        with subprocess.Popen(
            command, env=environment, stdin=slave, stdout=slave, stderr=subprocess.DEVNULL, start_new_session=True
        ) as process:
            os.close(slave)
            try:
                seen = b""
                while _READY not in seen:
                    seen += _read(master)
                yield master
                os.write(master, _END)
                process.wait(_PATIENCE)
            finally:
                process.kill()
    finally:
        os.close(master)


def _type(master: int) -> float:
    """Type a key, and return the milliseconds until it is shown."""
    begun = perf_counter()
    os.write(master, b"x")
    while b"x" not in _read(master):
        pass
    return (perf_counter() - begun) * 1000


def _read(master: int) -> bytes:
    if not select.select([master], [], [], _PATIENCE)[0]:
        raise CannotMeasure(f"nothing was shown for {_PATIENCE} s")
    return os.read(master, 4096)
