"""What somebody who types waits for: from a key until it is seen, on a terminal of a job and on one of ssh."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter

from groups.ssh.server import SshServer
from stage import CannotMeasure, Stage
from table import Line, Promise, at_most, in_turns

TYPING = "a key on a terminal until it is seen, p50"
TYPING_PROMISE: Promise = at_most(1.5, 1.0)
_PATIENCE = 20
_READY = b"ready"
# The echo is that of the far terminal: the program reads, and writes nothing before a line is complete.
_PROGRAM = ("sh", "-c", "echo ready; exec cat >/dev/null")
# Ctrl-D at the beginning of a line.
_END = b"\n\x04"


def measure_typing(server: SshServer, stage: Stage, keys: int) -> Line:
    """Type one key in turns into two terminals that stay open."""
    remote = server.command("sh", "-c", f"'{_PROGRAM[2]}'", options=("-tt",))
    with (
        _terminal(remote, stage.environment) as there,
        _terminal(stage.command("run", "--tty", "--", *_PROGRAM), stage.environment) as ours,
    ):
        for _ in range(keys // 10):
            _type(there)
            _type(ours)
        pairs = in_turns(lambda: _type(there), lambda: _type(ours), keys)
        return pairs.line_at(0.5, TYPING, "ms", TYPING_PROMISE, note=f"{keys} keys; limit: the same through ssh -tt")


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
