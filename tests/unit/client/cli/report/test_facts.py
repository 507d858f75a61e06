"""What a report says about a run."""

from __future__ import annotations

import re

from made_runs import BEGIN_US, FAILED, OK, job, run_of

from jobwire.client.cli.report.facts import Times, bar_of, kind_of, most_used, sentences, times_of
from jobwire.client.cli.report.timeline import Bar
from jobwire.schemas.jobs.states import Outcome, OutcomeKind

CANCELLED = Outcome(OutcomeKind.CANCELLED)


def test_each_job_is_of_a_kind() -> None:
    ends = [OK, FAILED, Outcome(OutcomeKind.TIMED_OUT), Outcome(OutcomeKind.LOST), Outcome(OutcomeKind.SIGNALED, signal=9)]
    kinds = [kind_of(job(1, 0, 1, outcome)) for outcome in ends]
    assert kinds == ["ok", "failed", "over a limit", "lost", "failed"]
    assert kind_of(job(1, None, 1, Outcome(OutcomeKind.CANCELLED, unneeded=True))) == "not needed"
    assert [kind_of(job(1, None, 1, CANCELLED)), kind_of(job(1, 0, 1, None)), kind_of(job(1, None, 1, None))] == [
        "cancelled",
        "running",
        "queued",
    ]


def test_a_job_without_a_process_has_no_bar_and_one_that_runs_has_one_until_now() -> None:
    assert bar_of(job(1, None, 5, CANCELLED)) is None
    assert bar_of(job(1, 3, 5, None)) == Bar(BEGIN_US + 3, BEGIN_US + 8)


def test_a_clock_that_was_set_back_makes_no_bar_that_ends_before_it_begins() -> None:
    assert bar_of(job(1, 10, -50)) == Bar(BEGIN_US + 10, BEGIN_US + 10)


def test_a_run_is_described_in_sentences() -> None:
    jobs = [job(1, 0, 2_000_000), job(2, 0, 4_000_000), job(3, 2_000_000, 1_000_000, FAILED), job(4, None, 0, CANCELLED)]
    run = run_of(jobs)
    times = times_of(run, [bar for bar in map(bar_of, jobs) if bar])
    assert times == Times(BEGIN_US, BEGIN_US + 4_000_000, 7_000_000)
    said = sentences(run, jobs, times, 2)
    assert said[0] == "4 jobs of ada: 2 ok, 2 failed."
    assert re.fullmatch(r"It took 4\.0s, from .* to .*\.", said[1])
    assert said[2:] == [
        "On average 1.8 of its jobs ran at once; the worker has 2 slots.",
        "The jobs used 4.0s of CPU, and at most 64 MiB of memory in one job.",
        "Why jobs failed: exited with status 3 (1); stopped before it ran (1).",
    ]


def test_what_used_most_comes_first() -> None:
    jobs = [job(number, 0, number * 1_000_000) for number in range(1, 8)]
    time, cpu, memory = most_used(jobs)
    assert [one.key.id[-1] for one, _, _ in time.jobs] == [7, 6, 5, 4, 3]
    assert [(amount, part) for _, amount, part in time.jobs][:1] == [("7.0s", 1.0)]
    assert (cpu.what, memory.what, len(memory.jobs)) == ("CPU", "Memory", 5)
    assert not most_used([job(1, None, 0, CANCELLED)])[0].jobs
