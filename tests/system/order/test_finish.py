"""What a run ends with, on a worker that is killed around the last end: it runs once, whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import READY_SECONDS, Worker, wait_until

from jobwire import Client, Job
from jobwire.client.library.options.specs import job_spec
from jobwire.client.library.values.results import BatchInfo
from jobwire.schemas.jobs.states import OutcomeKind, State
from jobwire.schemas.naming import new_id


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    with Worker(tmp_path, slots=2).start() as started:
        yield started


def run_until(client: Client, file: Path, ledger: Path) -> Job:
    """Submit a run of two jobs, of which one ends when the file is there, and which adds a line to the ledger at its end."""
    gate = job_spec(["sh", "-c", f"while ! [ -e {file} ]; do sleep 0.05; done; exit 3"], name="gate")
    told = ["sh", "-c", f'echo "$JOBWIRE_RUN_OUTCOME $JOBWIRE_RUN_JOBS $JOBWIRE_RUN_OK $JOBWIRE_RUN_FAILED" >> {ledger}; exit 4']
    return client.submit_many([job_spec(["true"]), gate], batch=BatchInfo(new_id(), "night", on_finish=told), watch=False)[1]


def test_a_worker_that_is_killed_around_the_last_end_runs_it_once(worker: Worker, tmp_path: Path) -> None:
    file, ledger = tmp_path / "go", tmp_path / "ledger"
    with worker.client() as client:
        gate = run_until(client, file, ledger)
        wait_until(lambda: client.info("gate").pid, "it runs")
    worker.kill()
    # It ends while no worker is there; the next one dies in the commit of that, the one after it behind the commit.
    file.touch()
    for fault in ("in-group-commit", "after-commit-before-publish"):
        worker.env["JOBWIRE_FAULT"] = fault
        try:
            worker.start()
        except AssertionError:
            # It died before it was ready.
            assert worker.process is not None
        assert worker.process is not None
        worker.process.wait(READY_SECONDS)
    del worker.env["JOBWIRE_FAULT"]
    worker.start()
    with worker.client() as client:
        done = client.batch_run("night").wait(timeout=60)
        assert (done.jobs, done.ok, done.failed) == (2, 1, 1)
        assert done.batch.on_finish_state is State.FINISHED
        assert done.batch.on_finish_outcome is not None
        assert (done.batch.on_finish_outcome.kind, done.batch.on_finish_outcome.exit_status) == (OutcomeKind.EXITED, 4)
        assert ledger.read_text() == "failed 2 1 1\n"
        assert [job.is_on_finish for job in client.list(all=True, batch="night")] == [False, False, True]
        assert gate.key.id != done.batch.on_finish_id


def test_a_stop_of_the_run_is_told(worker: Worker, tmp_path: Path) -> None:
    file, ledger = tmp_path / "never", tmp_path / "ledger"
    with worker.client() as client:
        run_until(client, file, ledger)
        wait_until(lambda: client.info("gate").pid, "it runs")
        client.batch_run("night").stop()
        client.batch_run("night").wait(timeout=60)
        assert ledger.read_text() == "stopped 2 1 0\n"
