"""The folder of logs cannot be read or written by the worker: starts are answered with the reason, and ends are not lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import Worker
from requirements import UNPRIVILEGED, can_run

from jobwire.schemas.jobs.states import OutcomeKind


@pytest.fixture
def restricted(tmp_path: Path) -> Iterator[Worker]:
    """Return a running worker that permissions concern, even if the tests run as root."""
    if not can_run(*UNPRIVILEGED, "true"):
        pytest.skip("setpriv cannot drop capabilities here")
    with Worker(tmp_path) as worker:
        worker.prefix = list(UNPRIVILEGED)
        worker.start()
        yield worker
        worker.logs.chmod(0o700)


@pytest.mark.parametrize("mode", [0o500, 0])
def test_a_start_is_answered_with_the_reason_and_the_job_has_empty_logs(restricted: Worker, mode: int) -> None:
    with restricted.client() as client:
        assert client.run(["true"]).returncode == 0
        restricted.logs.chmod(mode)
        failed = client.run(["echo", "never"], input=b"x")
        assert failed.outcome.kind is OutcomeKind.FAILED_TO_START
        assert "its log folder could not be created: Permission denied" in failed.outcome.sentence
        assert (failed.stdout, failed.stderr) == (b"", b"")
        job = client.job("last")
        assert (job.tail("stdout", 5), job.read_range("stderr", 0, 5)) == (b"", (b"", 0))
        restricted.logs.chmod(0o700)
        assert client.run(["echo", "again"]).stdout == b"again\n"
    assert "Traceback" not in restricted.logged()


def test_a_worker_does_not_start_without_the_logs(restricted: Worker) -> None:
    restricted.kill()
    restricted.logs.chmod(0)
    for said in (restricted.refusal(), restricted.command("rebuild", status=1).stderr):
        assert f"the log folders in {restricted.logs} cannot be read; chmod u+rwx {restricted.logs}" in said
        assert "Traceback" not in said
    restricted.logs.chmod(0o700)
    restricted.start()
