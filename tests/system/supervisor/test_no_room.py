"""A disk with enough space for the intent of a job, but not for its logs."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from raw_desk import RawDesk, serving

from jobwire.worker.keeper import process


@pytest.fixture
def full(tmp_path: Path) -> Iterator[RawDesk]:
    """Return a pair whose logs have a disk with 40 inodes."""
    logs = tmp_path / "logs"
    logs.mkdir(mode=0o700)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,nr_inodes=40", "tmpfs", logs], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.decode()}")
    try:
        process.start(tmp_path)
        with serving(tmp_path) as one:
            yield one
    finally:
        subprocess.run(["umount", "-l", logs], check=True)


def fill(desk: RawDesk) -> list[Path]:
    """Use all its free inodes."""
    fillers = [desk.logs / f"filler-{number}" for number in range(40)]
    with suppress(OSError):
        for filler in fillers:
            filler.touch()
    return [filler for filler in fillers if filler.exists()]


def test_a_start_waits_for_disk_space_and_one_that_is_stopped_meanwhile_never_runs(full: RawDesk) -> None:
    waiting, ended = full.intend("echo", "at last"), full.intend("echo", "never")
    fillers = fill(full)
    for handle in (waiting, ended):
        full.wish(do="start", job=handle)
        full.fact("delayed", handle)
    full.wish(do="end", job=ended, signal=signal.SIGTERM, grace_ms=60_000)
    fact = full.ended(ended)
    assert (fact["kind"], fact["pid"], fact["sentence"]) == ("cancelled", 0, "stopped before it could start")
    for filler in fillers:
        filler.unlink()
    assert full.output(full.ended(waiting))[0] == b"at last\n"
    full.settle(waiting, ended)
