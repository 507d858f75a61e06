"""The facts in a report about a run: numbers, and sentences with them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ....schemas.jobs.states import Outcome, OutcomeKind, State
from ....schemas.text.sizes import format_size
from ...library.values.job_info import JobInfo
from ...library.values.run_info import RunInfo
from ..shown.sentences import cpu_of, how_it_ended, how_many_jobs, memory_of, owner_of
from ..terminal.screen import duration, local_time
from .timeline import Bar

_MOST_NAMED = 5
# Of the reasons why jobs failed.
_MOST_REASONS = 3

# How a job stands, in the order in which a page lists it; what is drawn on top of others comes last there.
KINDS = ("ok", "failed", "over a limit", "cancelled", "not needed", "lost", "running", "queued")


def kind_of(job: JobInfo) -> str:
    """Return the state of a job, one of `KINDS`."""
    if job.outcome is None:
        return "queued" if job.state is State.QUEUED else "running"
    return kind_of_end(job.outcome)


def kind_of_end(outcome: Outcome) -> str:
    """Return how a job or an attempt ended: one of `KINDS`."""
    if not outcome.is_failure:
        return "ok" if outcome.is_ok else "not needed"
    if outcome.kind in (OutcomeKind.TIMED_OUT, OutcomeKind.OVER_LIMIT):
        return "over a limit"
    return {OutcomeKind.CANCELLED: "cancelled", OutcomeKind.LOST: "lost"}.get(outcome.kind, "failed")


def bar_of(job: JobInfo) -> Bar | None:
    """Return when a job ran; None if it never had a process."""
    if not job.started_at_us:
        return None
    # By the dates, as they have to fit those of other jobs; a clock may have been set meanwhile.
    return Bar(job.started_at_us, max(job.started_at_us, job.ended_at_us or job.started_at_us + job.lasted_us))


class EarlierBar(NamedTuple):
    """When an attempt ran that was not the last one: the index of the job, and how the attempt ended."""

    job: int
    attempt: int
    bar: Bar
    outcome: Outcome


def earlier_bars(jobs: Sequence[JobInfo]) -> list[EarlierBar]:
    """Return when attempts ran that were followed by others."""
    return [
        EarlierBar(place, one.attempt, Bar(one.started_at_us, max(one.started_at_us, one.ended_at_us)), one.outcome)
        for place, job in enumerate(jobs)
        for one in job.earlier_attempts
        if one.started_at_us and one.outcome is not None
    ]


class Used(NamedTuple):
    """The jobs that used most of something, with the amount in words, and as a fraction of the maximum."""

    what: str
    jobs: Sequence[tuple[JobInfo, str, float]]


def cpu_us(job: JobInfo) -> int:
    """Return the CPU time of a job in microseconds."""
    return cpu_of(job.outcome.use) if job.outcome else 0


def memory_bytes(job: JobInfo) -> int:
    """Return the peak memory of all processes of a job together, if known, else of one of them."""
    return memory_of(job.outcome.use) if job.outcome else 0


def _lasted(job: JobInfo) -> int:
    bar = bar_of(job)
    return bar.end - bar.start if bar else 0


def most_used(jobs: Sequence[JobInfo]) -> list[Used]:
    """Return what used most time, CPU and memory."""
    measures: tuple[tuple[str, Callable[[JobInfo], int], Callable[[int], str]], ...] = (
        ("Time", _lasted, duration),
        ("CPU", cpu_us, duration),
        ("Memory", memory_bytes, format_size),
    )
    found = []
    for what, measure, shown in measures:
        ranked = sorted((job for job in jobs if measure(job)), key=measure, reverse=True)[:_MOST_NAMED]
        found.append(Used(what, [(job, shown(measure(job)), measure(job) / measure(ranked[0])) for job in ranked]))
    return found


class Times(NamedTuple):
    """The time span of a run, in microseconds UTC, and how long its jobs ran in total."""

    begin_us: int
    end_us: int
    busy_us: int

    @property
    def length_us(self) -> int:
        """How long that is, at least 1."""
        return max(1, self.end_us - self.begin_us)


def times_of(run: RunInfo, bars: Sequence[Bar]) -> Times:
    """Return the times of a run with these bars."""
    begin = min([run.queued_at_us, *(bar.start for bar in bars)])
    end = max([begin, run.ended_at_us or run.queued_at_us + run.lasted_us, *(bar.end for bar in bars)])
    return Times(begin, end, sum(bar.end - bar.start for bar in bars))


def sentences(run: RunInfo, jobs: Sequence[JobInfo], times: Times, slots: int) -> list[str]:
    """Return the run in words."""
    said = [_ends(run)]
    if run.has_ended:
        said.append(f"It took {duration(times.length_us)}, from {local_time(times.begin_us)} to {local_time(times.end_us)}.")
    else:
        said.append(f"It began at {local_time(times.begin_us)} and has not ended.")
    if times.busy_us:
        average = times.busy_us / times.length_us
        said.append(f"On average {average:.1f} of its jobs ran at once; the worker has {slots} slot{'' if slots == 1 else 's'}.")
    cpu = sum(map(cpu_us, jobs))
    if cpu:
        # Not every kernel tells it.
        largest = max(map(memory_bytes, jobs))
        memory = f", and at most {format_size(largest)} of memory in one job" if largest else ""
        said.append(f"The jobs used {duration(cpu)} of CPU{memory}.")
    reasons = Counter(how_it_ended(job.outcome) for job in jobs if job.outcome is not None and job.outcome.is_failure)
    if reasons:
        common = reasons.most_common(_MOST_REASONS)
        more = len(reasons) - len(common)
        listed = [f"{reason} ({count})" for reason, count in common]
        if more:
            listed.append(f"{more} other reason{'' if more == 1 else 's'}")
        said.append(f"Why jobs failed: {'; '.join(listed)}.")
    if (finish := run.batch.on_finish_outcome) is not None:
        said.append(f"At the end, its on_finish ran: {how_it_ended(finish)}.")
    return said


def _ends(run: RunInfo) -> str:
    numbers = {"ok": run.ok, "failed": run.failed, "still running": run.running, "still queued": run.queued}
    there = [f"{count} {word}" for word, count in numbers.items() if count]
    owner = owner_of(run.owner_name, run.owner)
    return f"{how_many_jobs(run.jobs)} of {owner}: {', '.join(there) or 'none is kept'}."
