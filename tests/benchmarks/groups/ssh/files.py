"""Files into the folder of a job, compared with scp and rsync over the same OpenSSH."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

from groups.ssh.server import SshServer
from stage import Ground, Stage
from table import Line, Promise, in_turns, unmeasured

_PROMISE = Promise(0.8, 1.5, "x", least=True)
_LARGE = ("jobwire put, 1 GB against scp", "jobwire put, 1 GB against rsync")
_SOME = ("jobwire put, 1,000 files against scp -r", "jobwire put, 1,000 files against rsync")
# Not with scp, which waits for an answer to each file: one round would take minutes.
_MANY = ("", "jobwire put, 10,000 files against rsync")
WHAT = (*_LARGE, *_SOME, *filter(None, _MANY))
CIPHER = ("-caes128-gcm@openssh.com",)
_MEBIBYTE = 1024 * 1024
_MILLION = 1e6
_FILES_A_FOLDER = 100


def measure_files(ground: Ground, server: SshServer, stage: Stage) -> list[Line]:
    """Measure whole commands in turns. What is sent is in memory, what arrives is on the disk; nobody syncs it."""
    source = ground.fresh(ground.memory, "files")
    job = subprocess.run(
        stage.command("submit", "-q", "--wait", "--get", ".", "--", "pwd"),
        env=stage.environment,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split()[-1]
    logged = subprocess.run(stage.command("logs", job), env=stage.environment, capture_output=True, check=True, text=True)
    folder = Path(logged.stdout.strip())
    lines: list[Line] = []
    for names, unit, what, amount in (
        (_LARGE, "MB/s", source / "large", _make_large(source / "large", quick=ground.quick)),
        (_SOME, "files/s", source / "some", _make_files(source / "some", 1_000)),
        (_MANY, "files/s", source / "many", 0 if ground.quick else _make_files(source / "many", 10_000)),
    ):
        target = ground.fresh(ground.disk, "target")
        others = (_scp(server, what, target), _rsync(server, what, target))
        for name, other in zip(names, others, strict=True):
            if not (name and amount):
                continue
            if other is None:
                lines.append(unmeasured(name, _PROMISE, f"{name.split()[-1]} is not on this machine"))
                continue
            limit = _Rate(other, stage.environment, target / what.name, amount)
            ours = _Rate(stage.command("put", job, str(what)), stage.environment, folder / what.name, amount)
            if names is not _LARGE:
                limit()
                ours()
            note = f"limit: the same over ssh {CIPHER[0]}, connecting included"
            lines.append(in_turns(limit, ours, 1 if ground.quick else 2).line(name, unit, _PROMISE, note=note))
    return lines


class _Rate:
    """Measures one command, whose effect it checks and removes."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], arrived: Path, amount: float) -> None:
        self._command = command
        self._environment = environment
        self._arrived = arrived
        self._amount = amount

    def __call__(self) -> float:
        begun = perf_counter()
        subprocess.run(self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        taken = perf_counter() - begun
        if self._arrived.is_dir():
            shutil.rmtree(self._arrived)
        else:
            self._arrived.unlink()
        return self._amount / taken


def _scp(server: SshServer, what: Path, target: Path) -> list[str] | None:
    _, *options, address = server.command(options=CIPHER)
    return ["scp", "-q", "-r", *(option for option in options if option != "-T"), str(what), f"{address}:{target}"]


def _rsync(server: SshServer, what: Path, target: Path) -> list[str] | None:
    if shutil.which("rsync") is None:
        return None
    *shell, address = server.command(options=CIPHER)
    return ["rsync", "-a", "-W", "-e", " ".join(shell), str(what), f"{address}:{target}"]


def _make_large(path: Path, *, quick: bool) -> float:
    """Return how many megabytes it has."""
    count = 64 if quick else 954
    with path.open("wb") as file:
        for _ in range(count):
            file.write(os.urandom(_MEBIBYTE))
    return count * _MEBIBYTE / _MILLION


def _make_files(path: Path, count: int) -> float:
    """Return how many files there are."""
    for number in range(count):
        folder = path / str(number // _FILES_A_FOLDER)
        if not number % _FILES_A_FOLDER:
            folder.mkdir(parents=True)
        (folder / str(number)).write_bytes(os.urandom(1000))
    return count
