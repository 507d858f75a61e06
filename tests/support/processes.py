"""What /proc says about a process, for tests."""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Return whether a process is running; a zombie is not."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return line.rpartition(")")[2].split()[0] not in "ZX"


def activity(pid: int) -> list[str]:
    """Return values that change unless a process is idle: its ticks of CPU, and its numbers of context switches."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    switches = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "ctxt_switches" in line]
    return [*fields[11:13], *switches]


def descriptors(pid: int) -> int:
    """Return the number of its open descriptors."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def open_files(pid: int) -> set[str]:
    """Return what its descriptors refer to, without those that it closes in this moment."""
    found: set[str] = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(entry.readlink()))
    return found


def own_descriptors() -> int:
    """Return the number of open descriptors of this process, without those that only garbage of earlier tests holds."""
    gc.collect()
    return descriptors(os.getpid())


@contextmanager
def many_descriptors() -> Iterator[None]:
    """Permit this process as many open files in the block as it may have at most: usual are 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def peak_bytes(pid: int) -> int:
    """Return the peak memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
