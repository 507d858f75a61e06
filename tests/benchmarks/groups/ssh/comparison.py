"""Compared with OpenSSH: a command that runs `true` on a new connection, a key that is typed, and an archive that travels."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

from groups.ssh.files import CIPHER, WHAT, measure_files
from groups.ssh.keystrokes import TYPING, TYPING_PROMISE, measure_typing
from groups.ssh.server import SshServer, ssh_server
from stage import CannotMeasure, Ground, Stage
from table import Line, Promise, at_most, in_turns, unmeasured

_TRUE = "jobwire run -- true against ssh"
_TAR = Promise(0.8, 1.5, "x", least=True)
_UP, _DOWN = "tar c | jobwire run -- tar x", "jobwire run -- tar c | tar x"
_FILES = 16
_MILLION = 1e6


def measure(ground: Ground) -> list[Line]:
    """Measure whole commands in turns."""
    promise = at_most(1.0, 0.6)
    try:
        with ssh_server(ground) as server, ground.stage(slots=4) as stage:
            return [
                _run_true(server, stage, 8 if ground.quick else 20),
                *measure_typing(server, stage, 100 if ground.quick else 500),
                *_archives(ground, server, stage),
                *measure_files(ground, server, stage),
            ]
    except CannotMeasure as why:
        rows = {_TRUE: promise, TYPING: TYPING_PROMISE, **dict.fromkeys((_UP, _DOWN, *WHAT), _TAR)}
        return [unmeasured(what, missed, str(why)) for what, missed in rows.items()]


def _run_true(server: SshServer, stage: Stage, rounds: int) -> Line:
    def ours() -> float:
        return _milliseconds(stage.command("run", "--", "true"), stage.environment)

    def limit() -> float:
        return _milliseconds(server.command("true"), stage.environment)

    for once in (limit, ours):
        once()
    pairs = in_turns(limit, ours, rounds)
    return pairs.line(_TRUE, "ms", at_most(1.0, 0.6), note="limit: ssh 127.0.0.1 true, a new connection each time")


def _archives(ground: Ground, server: SshServer, stage: Stage) -> list[Line]:
    """Measure a folder as an archive through a command, both ways; all files are in memory."""
    size, rounds = (2 * 1024 * 1024, 2) if ground.quick else (8 * 1024 * 1024, 5)
    source, target = ground.fresh(ground.memory, "source"), ground.fresh(ground.memory, "target")
    for number in range(_FILES):
        (source / str(number)).write_bytes(os.urandom(size))
    packing, unpacking = ["tar", "c", "-C", str(source), "."], ["tar", "x", "-C", str(target)]

    def rate(*commands: Sequence[str]) -> float:
        begun = perf_counter()
        _pipe(commands, stage.environment)
        taken = perf_counter() - begun
        if sum(path.stat().st_size for path in target.iterdir()) != _FILES * size:
            raise RuntimeError("not everything arrived")
        for path in target.iterdir():
            path.unlink()
        return _FILES * size / _MILLION / taken

    ways: dict[str, tuple[Callable[[], float], Callable[[], float]]] = {
        _UP: (
            lambda: rate(packing, server.command(*unpacking, options=CIPHER)),
            lambda: rate(packing, stage.command("run", "--", *unpacking)),
        ),
        _DOWN: (
            lambda: rate(server.command(*packing, options=CIPHER), unpacking),
            lambda: rate(stage.command("run", "--", *packing), unpacking),
        ),
    }
    lines = []
    for what, (limit, ours) in ways.items():
        for once in (limit, ours):
            once()
        note = f"{_FILES * size / _MILLION:.0f} MB; limit: the same through ssh {CIPHER[0]}, connecting included"
        lines.append(in_turns(limit, ours, rounds).line(what, "MB/s", _TAR, note=note))
    return lines


def _pipe(commands: Sequence[Sequence[str]], environment: Mapping[str, str]) -> None:
    """Run a pipeline of two, and check that both succeed."""
    first, second = commands
    with subprocess.Popen(first, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as writer:
        subprocess.run(second, env=environment, stdin=writer.stdout, stdout=subprocess.DEVNULL, check=True)
    if writer.returncode:
        raise subprocess.CalledProcessError(writer.returncode, first)


def _milliseconds(command: Sequence[str], environment: Mapping[str, str]) -> float:
    begun = perf_counter()
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return (perf_counter() - begun) * 1000
