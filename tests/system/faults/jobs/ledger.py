"""Read the ledger that the jobs keep, and the one of what clients were acknowledged: both are only ever appended to."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

# SIGCANCEL and SIGSETXID, 32 and 33: glibc's posix_spawn(3) has them ignored in the child.
_SIGNALS_OF_GLIBC = 1 << 31 | 1 << 32


@dataclass(slots=True)
class Span:
    """Between which lines of the ledger an attempt certainly ran; uptimes in seconds, 0 if it is not known."""

    first: int
    last: int
    begun: float = 0.0
    ended: float = 0.0
    gpus: tuple[str, ...] = ()


@dataclass(slots=True)
class Ledger:
    """What jobs recorded about themselves, by id as text."""

    starts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    # The last line number of which its own program knows that it was written.
    wrote: dict[str, int] = field(default_factory=dict)
    # Signals that it found ignored or blocked.
    odd: list[str] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    ended_at_us: dict[str, int] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    # After which line it was acknowledged that a job is stopped.
    stopped: dict[str, int] = field(default_factory=dict)
    # How often a job of a schedule that starts by the clock ran.
    ticks: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def ends(path: Path) -> Path:
    """Return the folder in which each job creates a file when it ends."""
    return path.with_name(f"{path.name}.ends")


def tries(path: Path) -> Path:
    """Return the folder in which jobs with retries count their starts."""
    return path.with_name(f"{path.name}.tries")


def read(path: Path) -> Ledger:  # noqa: C901 -- a case for each word
    """Return what jobs have written so far."""
    found = Ledger()
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else ()):
        word, job_id, *rest = line.split(" ")
        if word in ("wrote", "end") and job_id in found.spans:
            found.spans[job_id].last = number
        match word:
            case "start":
                found.starts[job_id].append(int(rest[0]))
                begun, gpus = (*rest[1:], "", "")[:2]
                found.spans[job_id] = Span(number, number, float(begun or 0), 0.0, tuple(filter(None, gpus.split(","))))
            case "wrote":
                found.wrote[job_id] = int(rest[0])
            case "odd" if int(rest[1], 16) & ~_SIGNALS_OF_GLIBC:
                found.odd.append(line)
            case "end":
                found.ends[job_id] += 1
                if rest and job_id in found.spans:
                    found.spans[job_id].ended = float(rest[0])
            case "stopped":
                found.stopped.setdefault(job_id, number)
            case "tick":
                found.ticks[job_id] += 1
    for mark in ends(path).iterdir():
        found.ended_at_us[mark.name] = mark.stat().st_mtime_ns // 1000
    return found


class Acknowledgements:
    """What clients were promised. Each call continues to read where the last one ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._rest = b""
        self.jobs: set[str] = set()
        # Asked to be stopped; a wish counts from the moment it was sent, an acknowledgement of it is another matter.
        self.stops: set[str] = set()
        self.done: set[int] = set()
        self.refusals: list[str] = []

    def look(self) -> Acknowledgements:
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
            self._read += len(data)
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._take(line.decode())
        return self

    def _take(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        match word:
            case "job":
                self.jobs.add(rest)
            case "stop":
                self.stops.add(rest)
            case "done":
                self.done.add(int(rest))
            case _:
                self.refusals.append(line)


def append(path: Path, *lines: str) -> None:
    """Add whole lines with one write."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, "".join(f"{line}\n" for line in lines).encode())
    finally:
        os.close(file)
