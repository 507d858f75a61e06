"""A run of a batch, where a command takes one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from home import Home

JOBS = """
[batch]
name = "nightly"
parallel = 2
[[job]]
name = "good"
argv = ["echo", "fine"]
[[job]]
name = "bad"
argv = ["sh", "-c", "echo part; echo one >&2; echo no such customer >&2; exit 3"]
"""


@pytest.fixture
def run(home: Home, tmp_path: Path) -> str:
    """Return the id of the second of two runs of a batch, one of whose jobs failed."""
    (tmp_path / "jobs.toml").write_text(JOBS)
    home.jobwire("batch", str(tmp_path / "jobs.toml"), status=1)
    home.jobwire("batch", str(tmp_path / "jobs.toml"), status=1)
    return str(home.records("show", "bad")[0]["batch"]["id"])


def test_a_run_is_shown_with_counts_and_with_the_last_line_of_each_failure(home: Home, run: str) -> None:
    shown = home.jobwire("show", "nightly").stdout.decode()
    assert shown == home.jobwire("show", run).stdout.decode()
    assert shown == home.jobwire("show", f"{home.name}/nightly").stdout.decode()
    lines = [line.strip() for line in shown.splitlines()]
    assert lines[:3] == [f"run {run} (nightly)", "jobs         2: 1 ok, 1 failed", "parallel     2"]
    assert lines[-2].endswith("bad: exited with status 3")
    assert lines[-1] == "no such customer"
    assert "longest      " in shown
    record = home.records("show", "nightly")[0]
    assert [record[name] for name in ("run", "name", "jobs", "queued", "running", "ok", "failed")] == [run, "nightly", 2, 0, 0, 1, 1]
    assert len(record["failures"]) == 1
    assert record["ended_at"] > record["queued_at"]


def test_a_log_of_a_run_that_cannot_be_read_costs_only_itself(home: Home, shared_worker: Worker, run: str, tmp_path: Path) -> None:
    def folder_of(name: str) -> Path:
        return next(shared_worker.logs.glob(f"{home.records('show', name)[0]['process'].replace('@', '_')}_*"))

    log = folder_of("good") / "stdout"
    log.unlink()
    log.symlink_to("/etc/passwd")
    for options in ((), ("-f",), ("--merged",), ("--to", str(tmp_path / "to"))):
        told = home.jobwire("logs", *options, run, status=1)
        assert b"jobwire: job " in told.stderr, options
        assert b"the log stdout was replaced: a symbolic link is in its place" in told.stderr, options
        assert b"part" in ((tmp_path / "to" / "bad.stdout").read_bytes() if "--to" in options else told.stdout), options
    assert b"replaced" in home.jobwire("logs", "good", status=1).stderr
    shutil.rmtree(folder_of("good"))
    told = home.jobwire("logs", run, status=1)
    assert b"the logs of this job no longer exist" in told.stderr
    assert b"part" in told.stdout


def test_a_run_is_listed_waited_for_and_its_logs_follow_each_other(home: Home, run: str) -> None:
    assert [job["name"] for job in home.records("list", "nightly")] == ["good", "bad"]
    assert [job["name"] for job in home.records("list", run, "--failed")] == ["bad"]
    assert len(home.records("list", "-a", "--batch", "nightly")) == 4
    # As a list shows it.
    for part in (run[:8], run[:13], f"{home.name}/{run[:8]}"):
        assert home.jobwire("show", part).stdout == home.jobwire("show", run).stdout
        assert [job["name"] for job in home.records("list", part)] == ["good", "bad"]
    assert len(home.records("list", "-a", "--batch", run[:8])) == 2
    waited = home.jobwire("wait", "nightly", status=1).stderr.decode()
    assert waited == f"jobwire: run {run} (nightly): 1 of 2 jobs failed; jobwire show {run} shows why\n"
    for arguments in (["logs", "nightly"], ["logs", "-f", run]):
        logs = home.jobwire(*arguments)
        assert (logs.stdout, logs.stderr) == (b"fine\npart\n", b"one\nno such customer\n")
    assert home.jobwire("logs", "nightly", "--tail", "1", "--stderr").stderr == b"no such customer\n"


def test_what_a_batch_needs_is_said_of_a_job_that_is_none_and_of_one_job_in_the_singular(home: Home) -> None:
    home.jobwire("run", "-n", "alone", "true")
    assert b"there is no batch alone; a job has that name: " in home.jobwire("list", "alone", status=1).stderr
    assert b"there is no batch alone; jobwire list --runs" in home.jobwire("batch", "--retry-failed", "alone", status=1).stderr
    said = home.jobwire("batch", "--lines", "--no-wait", "-", stdin=b"true\n").stderr
    assert said.startswith(b"jobwire: 1 job submitted; ")
    assert said.endswith(b" waits for its end\n")


def test_a_batch_that_is_forgotten_by_name_is_its_newest_run_and_not_the_ones_before(home: Home) -> None:
    text = b'{"batch": {"name": "twice"}, "job": [{"argv": ["true"]}, {"argv": ["false"]}]}'
    for _ in range(2):
        home.jobwire("batch", "-q", "-", stdin=text, status=1)
    first, second = (home.records("list", "-a")[number]["batch"]["id"] for number in (0, 2))
    home.jobwire("forget", "twice")
    assert first != second
    assert {job["batch"]["id"] for job in home.records("list", "-a")} == {first}


def test_a_stop_of_a_run_is_one_line_and_of_a_batch_all_its_runs(home: Home, tmp_path: Path) -> None:
    (tmp_path / "jobs.toml").write_text("[batch]\nname = 'long'\n" + "[[job]]\nargv = ['sleep', '600']\n" * 2)
    first, _ = (home.jobwire("batch", "--no-wait", str(tmp_path / "jobs.toml")).stdout.decode().strip() for _ in range(2))
    assert home.jobwire("stop", first).stderr.decode() == f"jobwire: run {first} (long): 2 jobs stopped\n"
    assert home.jobwire("stop", first).stderr.decode() == f"jobwire: all jobs of run {first} (long) have already ended\n"
    home.jobwire("batch", "--no-wait", str(tmp_path / "jobs.toml"))
    assert home.jobwire("stop", "--now", "long").stderr == b"jobwire: batch long: 4 jobs stopped\n"
    assert home.records("list") == []
    assert json.loads(home.jobwire("show", "long", "--json").stdout)["failed"] == 2


def test_a_run_of_many_jobs_is_stopped_counted_and_forgotten_as_one(home: Home) -> None:
    lines = b"sleep 600\n" * 300
    run = home.jobwire("batch", "--lines", "--no-wait", "-q", "-", stdin=lines).stdout.decode().strip()
    assert home.jobwire("stop", run, "--now").stderr.decode() == f"jobwire: run {run}: 300 jobs stopped\n"
    assert json.loads(home.jobwire("show", run, "--json").stdout)["failed"] == 300
    # What waited was cancelled first: no more was started than there were slots.
    assert 0 < len([job for job in home.records("list", run) if job["started_at"]]) < 300
    assert b"300 jobs would be forgotten" in home.jobwire("forget", "--dry-run", run).stderr
    assert b"0 jobs forgotten" in home.jobwire("forget", "--older-than", "1h", run).stderr
    assert b"300 jobs forgotten" in home.jobwire("forget", run).stderr
    assert b"there is no job" in home.jobwire("show", run, status=1).stderr


def test_a_run_takes_signals_is_paused_and_waited_for(home: Home, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = f"trap 'exit 7' USR1; echo >> {ready}; while :; do sleep 0.1; done"
    (tmp_path / "jobs.toml").write_text("[batch]\nname = 'long'\n" + f'[[job]]\nargv = ["sh", "-c", "{script}"]\n' * 2)
    home.jobwire("batch", "--no-wait", str(tmp_path / "jobs.toml"))
    wait_until(lambda: ready.exists() and len(ready.read_text()) == 2, "both jobs to run")
    home.jobwire("pause", "long")
    assert [job["paused"] for job in home.records("list", "long")] == [True, True]
    home.jobwire("resume", "long")
    late = home.jobwire("wait", "long", "--timeout", "0.1s", status=124).stderr
    assert late == b"jobwire: 100ms passed; some jobs have not ended\n"
    home.jobwire("signal", "long", "USR1")
    assert b"2 of 2 jobs failed" in home.jobwire("wait", "long", status=1).stderr
    assert {job["outcome"]["exit_status"] for job in home.records("list", "long")} == {7}
    assert home.jobwire("signal", "long", "USR1", status=1).stderr.startswith(b"jobwire: no job of run ")


def test_what_is_neither_a_job_nor_a_run_is_refused(home: Home) -> None:
    for arguments in (["show", "typo"], ["logs", "typo"], ["stop", "typo"], ["wait", "typo"]):
        assert b"there is no job typo" in home.jobwire(*arguments, status=1).stderr
    assert b"there is no batch typo; " in home.jobwire("list", "typo", status=1).stderr
    assert b"cannot be combined" in home.jobwire("list", "typo", "--batch", "typo", status=2).stderr
