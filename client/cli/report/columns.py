"""The jobs of a run as columns of numbers and texts, for the script of a page: compact even for ten thousand jobs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from ....schemas.jobs.conditions import base_of
from ....schemas.text.printable import printable
from ...batch.octets import to_text
from ...library.values.job_info import JobInfo
from ..shown.sentences import command_line, how_it_ended
from .facts import KINDS, Times, bar_of, cpu_us, earlier_bars, kind_of, kind_of_end, memory_bytes
from .timeline import busy_slots, lanes

_PARTS = 480
_LONGEST_COMMAND = 300
_MOST_EDGES = 5000


class Texts:
    """Texts by their number: most texts occur in many jobs."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Return the number of a text, in which non-characters are escaped."""
        return self._numbers.setdefault(printable(text), len(self._numbers))

    def all(self) -> list[str]:
        """Return the texts in the order of their numbers."""
        return [*self._numbers]


def columns(jobs: Sequence[JobInfo], times: Times, slots: int) -> dict[str, Any]:
    """Return the data for the script of a page. Times are in microseconds from the start of the run; -1: never."""
    bars = [bar_of(job) for job in jobs]
    ran = [position for position, bar in enumerate(bars) if bar is not None]
    earlier = earlier_bars(jobs)
    there = [*(bar for bar in bars if bar is not None), *(one.bar for one in earlier)]
    found = lanes(there)
    lane_of, lanes_of_earlier = dict(zip(ran, found, strict=False)), found[len(ran) :]
    texts = Texts()
    return {
        "begin": times.begin_us // 1000,
        "length": times.length_us,
        "slots": slots,
        "lanes": max(found, default=-1) + 1,
        "busy": [round(part, 2) for part in busy_slots(there, times.begin_us, times.begin_us + times.length_us, _PARTS)],
        "kinds": KINDS,
        "id": [job.id for job in jobs],
        "name": [texts.number(job.name) for job in jobs],
        "command": [texts.number(_command(job)) for job in jobs],
        "said": [texts.number(_said(job)) for job in jobs],
        "kind": [KINDS.index(kind_of(job)) for job in jobs],
        "queued": [job.queued_at_us - times.begin_us for job in jobs],
        "start": [bar.start - times.begin_us if bar else -1 for bar in bars],
        "end": [bar.end - times.begin_us if bar else -1 for bar in bars],
        "lane": [lane_of.get(position, -1) for position in range(len(jobs))],
        "cpu": [*map(cpu_us, jobs)],
        "memory": [*map(memory_bytes, jobs)],
        "attempt": [job.attempt for job in jobs],
        "earlier": [
            {
                "at": one.job,
                "attempt": one.attempt,
                "start": one.bar.start - times.begin_us,
                "end": one.bar.end - times.begin_us,
                "lane": lane,
                "kind": KINDS.index(kind_of_end(one.outcome)),
                "said": texts.number(how_it_ended(one.outcome)),
            }
            for one, lane in zip(earlier, lanes_of_earlier, strict=True)
        ],
        "after": [*islice(_edges(jobs), _MOST_EDGES)],
        "texts": texts.all(),
    }


def _command(job: JobInfo) -> str:
    text = command_line(job.argv)
    return text if len(text) <= _LONGEST_COMMAND else f"{text[:_LONGEST_COMMAND]}..."


def _said(job: JobInfo) -> str:
    if job.outcome is not None:
        return how_it_ended(job.outcome)
    return job.waits_for or job.state.name.lower()


def _edges(jobs: Sequence[JobInfo]) -> Iterator[tuple[int, int]]:
    """Iterate over pairs of jobs, of which the second waited for the first."""
    places = {job.key.id: position for position, job in enumerate(jobs)}
    groups: dict[str, list[int]] = {}
    for position, job in enumerate(jobs):
        for name in {job.name, base_of(job.name)} - {""}:
            groups.setdefault(name, []).append(position)
    for position, job in enumerate(jobs):
        for one in job.spec.after:
            if one.job in places:
                yield places[one.job], position
            elif one.name and job.batch is not None and one.run == job.batch.id:
                yield from ((other, position) for other in groups.get(one.name, ()) if other != position)


def as_shown(job: JobInfo) -> str:
    """Return the name of a job on the page."""
    return printable(job.name or to_text(job.argv[0]))
