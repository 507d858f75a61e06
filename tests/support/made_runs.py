"""Runs that never were, for what shows them."""

from __future__ import annotations

from jobwire.client.library.values.job_info import JobAttempt, JobInfo
from jobwire.client.library.values.results import BatchInfo
from jobwire.client.library.values.run_info import FailedJob, RunInfo
from jobwire.schemas.jobs.conditions import After
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import Outcome, OutcomeKind, ResourceUse, State
from jobwire.schemas.naming import JobKey

OWNER = b"o" * 32
BATCH = BatchInfo(b"r" * 16, "nightly", 0)
BEGIN_US = 1_795_000_000_000_000
OK = Outcome(OutcomeKind.EXITED, use=ResourceUse(1_500_000, 500_000, 64 << 20))
FAILED = Outcome(OutcomeKind.EXITED, exit_status=3)


def job(
    number: int,
    start: int | None,
    length: int,
    outcome: Outcome | None = OK,
    *,
    name: str = "",
    argv: tuple[bytes, ...] = (b"true",),
    after: tuple[After, ...] = (),
    earlier: tuple[JobAttempt, ...] = (),
) -> JobInfo:
    """Return a job that started so many microseconds after the begin, and ran so long; one without a start never had a process."""
    started = 0 if start is None else BEGIN_US + start
    has_ended = outcome is not None
    return JobInfo(
        key=JobKey(OWNER, number.to_bytes(16, "big")),
        spec=JobSpec(argv, name=name or f"job[{number}]", after=after),
        state=State.FINISHED if has_ended else State.RUNNING if started else State.QUEUED,
        owner_name="ada",
        batch=BATCH,
        queued_at_us=BEGIN_US,
        started_at_us=started,
        ended_at_us=(started or BEGIN_US) + length if has_ended else 0,
        pid=7 if started else None,
        outcome=outcome,
        waits_for="",
        paused=False,
        lasted_us=length,
        ended_ago_us=None,
        attempt=len(earlier) + 1,
        earlier_attempts=earlier,
        rerun_of=None,
    )


def run_of(jobs: list[JobInfo], tail: bytes = b"") -> RunInfo:
    """Return the run of these jobs; `tail`: the last lines of each that failed."""
    ended = [one for one in jobs if one.outcome is not None]
    bad = [one for one in ended if one.outcome is not None and one.outcome.is_failure]
    running = sum(one.state is State.RUNNING for one in jobs)
    queued = len(jobs) - len(ended) - running
    end = max((one.ended_at_us for one in ended), default=0)
    return RunInfo(
        BATCH,
        OWNER,
        "ada",
        queued,
        running,
        len(ended) - len(bad),
        len(bad),
        BEGIN_US,
        0 if queued or running else end,
        failures=[FailedJob(one, tail) for one in bad[:50]],
        lasted_us=max(1, end - BEGIN_US),
    )


def large_run(jobs: int, slots: int) -> list[JobInfo]:
    """Return many jobs, as so many slots would run them."""
    free = [0] * slots
    made = []
    for number in range(jobs):
        slot = number % slots
        length = 100_000 + number * 7919 % 900_000
        made.append(job(number, free[slot], length, FAILED if number % 97 == 5 else OK, argv=(b"train", b"--seed", b"%d" % number)))
        free[slot] += length + 1000
    return made
