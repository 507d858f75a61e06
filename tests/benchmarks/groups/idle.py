"""The cost of idle daemons: processor time and memory of worker, supervisor and keeper."""

from __future__ import annotations

from pathlib import Path

from groups.launching import launch_at_once
from stage import Ground, Stage
from table import Line, amount, at_most

# proc_pid_stat(5): utime and stime are fields 14 and 15; field 3 begins after the name, which may contain spaces.
_UTIME, _STIME = 14 - 3, 15 - 3


def measure(ground: Ground) -> list[Line]:
    """Measure daemons that ran some jobs and are idle now, without a subscriber."""
    seconds = 5 if ground.quick else 20
    with ground.stage(slots=4) as stage:
        with stage.client() as client:
            launch_at_once(client, 50)
        # Work that the last job and the disconnected client still cause does not count.
        stage.wait_for_end_of("worker", 2)
        before = ticks(stage)
        if stage.wait_for_end_of("worker", seconds):
            raise RuntimeError(f"the worker ended:\n{stage.logged()}")
        spent = {name: ticks - before[name] for name, ticks in ticks(stage).items()}
        resident = {name: resident_megabytes(pid) for name, pid in stage.pids.items()}
        shared_out = {name: _kilobytes(pid, "Pss") / 1000 for name, pid in stage.pids.items()}
    return [
        amount(f"idle for {seconds} s, processor time", sum(spent.values()), at_most(0, 0, "ticks"), note=each(spent)),
        amount("idle, RSS together", sum(resident.values()), at_most(60, 45, "MB"), note=each(resident)),
        amount("idle, PSS together", sum(shared_out.values()), at_most(60, 45, "MB"), judged=False, note=each(shared_out)),
    ]


def ticks(stage: Stage) -> dict[str, int]:
    """Return the processor time of each daemon so far, in ticks of the kernel (a hundredth of a second)."""
    ticks = {}
    for name, pid in stage.pids.items():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks[name] = int(fields[_UTIME]) + int(fields[_STIME])
    return ticks


def _kilobytes(pid: int, what: str) -> float:
    """Return an entry of smaps_rollup, see proc_pid_smaps(5), converted from KiB to thousands of bytes."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1.024
    raise RuntimeError(f"the kernel does not report {what} of {pid}")


def resident_megabytes(pid: int) -> float:
    """Return the resident memory of a process, in millions of bytes."""
    return _kilobytes(pid, "Rss") / 1000


def each(amounts: dict[str, float] | dict[str, int]) -> str:
    """Return an amount of each daemon, in words."""
    return ", ".join(f"{name} {number:.1f}".removesuffix(".0") for name, number in amounts.items())
