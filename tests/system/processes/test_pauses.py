"""Jobs that are paused and resumed, with and without cgroups."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from daemons import Worker, wait_until

from jobwire.client.library.job import Job
from jobwire.schemas.jobs.states import OutcomeKind
from jobwire.schemas.refusal import Code, Refused

WITH_AND_WITHOUT = pytest.mark.parametrize("worker", [{}, {"env": {"JOBWIRE_CGROUPS": "off"}}], ids=["cgroups", "sessions"], indirect=True)
# Two processes that write without end, one of them in another session.
TICK = "setsid sh -c 'while :; do echo child; done' & while :; do echo leader; done"


@contextmanager
def ticking(worker: Worker, **options: float) -> Iterator[Job]:
    """Return a job with two processes that both write."""
    with worker.client() as client:
        job = client.submit(["sh", "-c", TICK], output_limit=1 << 30, **options)
        wait_until(lambda: {b"child", b"leader"} <= set(job.tail("stdout", 1000).split()), "both write")
        yield job
        job.stop(grace=0, timeout=60)


def written(job: Job) -> int:
    return job.read_range("stdout", 0, 0)[1]


def stands_still(job: Job) -> bool:
    """Return whether nothing is written for a while, in which a writer would write ten thousand lines."""
    before = written(job)
    select.select([], [], [], 0.2)
    return written(job) == before


def comes_to_a_stand(job: Job) -> None:
    """Wait until nothing is written: bytes that were in the pipe when it was paused are still moved to the log."""
    wait_until(lambda: stands_still(job), "nothing is written any more")


@WITH_AND_WITHOUT
def test_a_paused_job_is_suspended_until_it_is_resumed(worker: Worker) -> None:
    with ticking(worker) as job:
        job.pause()
        job.pause()
        comes_to_a_stand(job)
        assert job.info().paused
        job.resume()
        before = written(job)
        wait_until(lambda: written(job) > before, "it writes again")
        assert not job.info().paused
        job.resume()


@WITH_AND_WITHOUT
def test_a_job_stays_paused_when_supervisor_and_worker_are_killed(worker: Worker) -> None:
    with ticking(worker) as job:
        job.pause()
        supervisor = worker.described()["supervisor_pid"]
        os.kill(supervisor, signal.SIGKILL)
        wait_until(lambda: worker.described()["supervisor_pid"] != supervisor, "the worker meets the next supervisor")
        assert job.info().paused
        worker.kill()
        worker.start()
        assert job.info().paused
        comes_to_a_stand(job)
        job.resume()
        assert not job.info().paused


@WITH_AND_WITHOUT
def test_a_stop_of_a_paused_job_lets_it_react(worker: Worker) -> None:
    with worker.client() as client:
        job = client.submit(["sh", "-c", "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.01; done"], grace=20)
        wait_until(lambda: written(job), "it is ready")
        job.pause()
        ended = job.stop(timeout=60)
        assert (ended.returncode, ended.stdout) == (5, b"ready\nbye\n")
        assert not job.info().paused


@WITH_AND_WITHOUT
def test_a_paused_job_can_be_killed(worker: Worker) -> None:
    with worker.client() as client:
        job = client.submit(["sleep", "60"])
        wait_until(lambda: job.info().pid, "it runs")
        job.pause()
        assert job.stop(grace=0, timeout=60).returncode == -signal.SIGKILL


@WITH_AND_WITHOUT
def test_a_time_limit_keeps_running_while_a_job_is_paused(worker: Worker) -> None:
    with worker.client() as client:
        # Long enough for it to be paused before.
        job = client.submit(["sleep", "60"], time_limit=6)
        wait_until(lambda: job.info().pid, "it runs")
        job.pause()
        job.wait(timeout=60)
        assert job.outcome is not None
        assert job.outcome.kind is OutcomeKind.TIMED_OUT


@pytest.mark.parametrize("worker", [{"slots": 1}], indirect=True)
def test_only_running_jobs_can_be_paused_and_all_or_none(worker: Worker) -> None:
    viewer = worker.admit("viewer", "viewer")
    other = worker.admit("other", "submitter")
    with worker.client() as client:
        running = client.submit(["sleep", "60"])
        queued = client.submit(["true"])
        wait_until(lambda: running.info().pid, "it runs")
        with pytest.raises(Refused, match="has not started and cannot be paused") as refused:
            client.pause([running, queued])
        assert refused.value.code is Code.FAILED_PRECONDITION
        assert not running.info().paused
        for identity, code in ((viewer, Code.PERMISSION_DENIED), (other, Code.NOT_FOUND)):
            with worker.client(identity) as stranger, pytest.raises(Refused) as refused:
                stranger.job_by_key(*running.key).pause()
            assert refused.value.code is code
        running.stop(grace=0, timeout=60)
        with pytest.raises(Refused, match="has ended and cannot continue"):
            running.resume()
