"""The jobs of a run as columns."""

from __future__ import annotations

import pytest
from made_runs import BATCH, BEGIN_US, FAILED, OK, job

from jobwire.client.cli.report.columns import columns
from jobwire.client.cli.report.facts import Times
from jobwire.client.library.values.job_info import JobAttempt
from jobwire.schemas.jobs.conditions import After, Condition

TIMES = Times(BEGIN_US, BEGIN_US + 100, 60)


def test_jobs_wait_for_jobs_and_for_groups_of_their_run() -> None:
    first = job(1, 0, 10)
    jobs = [
        first,
        job(2, 0, 20),
        job(3, 20, 30, after=(After(Condition.OK, run=BATCH.id, name="job"),), name="load"),
        job(4, 10, 20, after=(After(Condition.ANY, job=first.key.id), After(Condition.OK, job=b"x" * 16)), name="look"),
        job(5, 10, 20, after=(After(Condition.ANY, run=b"x" * 16, name="job"),), name="other"),
    ]
    assert columns(jobs, TIMES, 4)["after"] == [(0, 2), (1, 2), (0, 3)]


def test_each_attempt_has_a_bar() -> None:
    first = JobAttempt(1, 7, BEGIN_US + 5, BEGIN_US + 25, FAILED)
    made = columns([job(1, 0, 10), job(2, 40, 10, earlier=(first,))], TIMES, 4)
    assert made["texts"][made["earlier"][0].pop("said")] == "exited with status 3"
    assert made["earlier"] == [{"at": 1, "attempt": 1, "start": 5, "end": 25, "lane": 1, "kind": 1}]
    assert (made["lane"], made["attempt"], made["lanes"]) == ([0, 0], [1, 2], 2)
    assert sum(made["busy"]) / len(made["busy"]) * 100 == pytest.approx(40, abs=0.5)


def test_a_job_without_a_process_has_no_place_in_the_timeline() -> None:
    made = columns([job(1, 0, 10, OK), job(2, None, 0, None)], TIMES, 4)
    assert (made["start"], made["end"], made["lane"], made["lanes"]) == ([0, -1], [10, -1], [0, -1], 1)
    assert [made["texts"][number] for number in made["said"]] == ["exited with status 0", "queued"]
