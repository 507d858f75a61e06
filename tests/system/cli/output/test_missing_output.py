"""A job whose output is incomplete: every command that reports its end says so, and none of them exits with 0."""

from __future__ import annotations

import resource
from pathlib import Path

from daemons import Worker
from home import Home

LARGE = ("sh", "-c", "head -c 2000000 /dev/zero")


def forbid_large_files(worker: Worker) -> None:
    """Limit files of the supervisor to a megabyte: writes fail with EFBIG then."""
    resource.prlimit(worker.described()["supervisor_pid"], resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))


def test_incomplete_output_is_reported_by_every_command_that_reports_the_end(own_home: Home, worker: Worker, tmp_path: Path) -> None:
    forbid_large_files(worker)
    said = b"exited with status 0; its stdout is incomplete: File too large"
    for arguments in (["run", *LARGE], ["wait", "last"], ["logs", "last"], ["logs", "-f", "last"], ["submit", "--wait", *LARGE]):
        ended = own_home.jobwire(*arguments, status=125)
        assert ended.stderr.count(said) == 1, (arguments, ended.stderr)
    (tmp_path / "jobs").write_text("head -c 2000000 /dev/zero\ntrue\n")
    ended = own_home.jobwire("batch", "--lines", str(tmp_path / "jobs"), status=1)
    assert said in ended.stderr
    assert b"1 of 2 jobs failed" in ended.stderr
    # For who runs the machine; `doctor` counts errors.
    assert "ERROR jobwire.worker.engine.engine: the output of job" in worker.logged()
    # Its own status has priority.
    assert own_home.jobwire("run", "sh", "-c", "head -c 2000000 /dev/zero >&2; exit 3", status=3).stderr.count(b"is incomplete") == 1


def test_a_log_that_cannot_be_read_is_told_and_all_else_about_the_job_too(own_home: Home, worker: Worker) -> None:
    """As on a disk that fails: it can be opened, and reading it fails."""
    name = own_home.submit("sh", "-c", "echo out; echo err >&2; exit 4")[:8]
    ended = f"jobwire: job {name}: exited with status 4\n".encode()
    assert own_home.jobwire("wait", name, status=4).stderr == ended
    (log,) = worker.logs.glob("*/stderr")
    log.unlink()
    (log / "entry").mkdir(parents=True)
    why = b"the log cannot be read: Is a directory"
    shown = own_home.jobwire("show", name).stdout
    assert b"state        exited with status 4" in shown
    assert shown.endswith(b"  stderr       is not shown: " + why + b"\n")
    # It would have the last lines too.
    assert own_home.jobwire("wait", name, status=4).stderr == ended
    assert b"jobwire: " + why in own_home.jobwire("logs", name, status=125).stderr
    assert "stderr cannot be read: Is a directory" in worker.logged()
    assert "Traceback" not in worker.logged()
