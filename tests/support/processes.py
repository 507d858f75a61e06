"""What /proc tells of a process, for tests."""

from __future__ import annotations

from pathlib import Path


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return line.rpartition(")")[2].split()[0] not in "ZX"


def activity(pid: int) -> list[str]:
    """Read what stays as it is only while it does nothing: its ticks of CPU, and how often it slept or had to make way."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    switches = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "ctxt_switches" in line]
    return [*fields[11:13], *switches]


def descriptors(pid: int) -> int:
    """Count what it has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def peak_bytes(pid: int) -> int:
    """Read how much memory a process ever held at once."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
