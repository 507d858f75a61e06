"""In which order `stop --all` stops jobs."""

from __future__ import annotations

from made_runs import job

from jobwire.client.cli.commands.stop import last_started_first


def test_a_slot_that_becomes_free_meanwhile_is_for_the_job_that_is_cancelled_last() -> None:
    running, first, second, third = job(1, 0, 0, None), job(2, None, 0, None), job(3, None, 0, None), job(4, None, 0, None)
    assert last_started_first([running, first, second, third]) == [third, second, first, running]
    assert last_started_first([]) == []
