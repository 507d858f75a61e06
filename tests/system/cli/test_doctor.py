"""`doctor` with workers that are well, suspended, unreachable, not trusted, or not there."""

from __future__ import annotations

import json
import os
import signal

import pytest
from daemons import Worker, wait_until
from home import Home

from jobwire.keys.identity import format_public, generate


def found(home: Home, *options: str, status: int = 0, timeout: str = "5s") -> dict[str, tuple[str, str, str | None]]:
    said = home.jobwire(*options, "doctor", "--timeout", timeout, "--json", status=status).stdout.splitlines()
    return {line["check"]: (line["level"], line["sentence"], line["next"]) for line in map(json.loads, said)}


def test_a_submitter_finds_a_worker_well_and_learns_what_holds_jobs(home: Home) -> None:
    said = found(home)
    assert [said[what][0] for what in ("context", "identity", "connection", "version", "clock", "events", "you", "roster")] == ["ok"] * 8
    assert "session and mark" in said["containment"][1]
    assert "log" not in said
    lines = home.jobwire("doctor").stdout.decode().splitlines()
    assert len(lines) == len(said)
    assert any(line.startswith("ok       you          ") for line in lines)


def test_an_admin_learns_what_the_worker_says_of_itself(own_home: Home, worker: Worker) -> None:
    assert found(own_home)["log"][1] == "no errors since it was started"
    before = worker.roster.read_text()
    worker.roster.write_text(f"{before}x = \n")
    wait_until(lambda: own_home.jobwire("list").stderr, "the worker has read it")
    (worker.state / "ballast").unlink()
    said = found(own_home, status=1)
    assert said["roster"][0] == "problem"
    assert "1 error since it was started" in said["log"][1]
    assert said["ballast"][0] == "warning"
    assert b"ballast      the space that is reserved" in own_home.jobwire("status").stdout
    worker.roster.write_text(before)


def test_no_worker_is_started_and_no_key_made(empty_home: Home) -> None:
    said = found(empty_home)
    assert said["identity"][0] == "warning"
    assert "is not running" in said["process"][1]
    assert not empty_home.config.exists()
    assert not empty_home.state.exists()


def test_a_suspended_private_worker_is_told_apart(empty_home: Home) -> None:
    empty_home.jobwire("run", "true")
    [worker] = empty_home.records("worker", "status")
    os.kill(worker["pid"], signal.SIGSTOP)
    try:
        said = found(empty_home, status=1, timeout="500ms")
    finally:
        os.kill(worker["pid"], signal.SIGCONT)
    assert said["process"] == (
        "problem",
        f"your private worker, pid {worker['pid']}, is suspended (SIGSTOP)",
        f"kill -CONT {worker['pid']}",
    )
    assert "does not answer" in said["connection"][1]


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [("127.0.0.1:1", "refuses the connection"), ("", "not the trusted")],
)
def test_why_there_is_no_connection_is_a_problem(home: Home, shared_worker: Worker, endpoint: str, words: str) -> None:
    home.jobwire("context", "add", "bad", endpoint or shared_worker.endpoint, "--key", format_public(generate().public))
    said = found(home, "--context", "bad", status=1, timeout="1s")
    assert said["identity"][0] == "ok"
    assert said["connection"][0] == "problem"
    assert words in said["connection"][1]


def test_broken_files_of_ones_own_are_problems(home: Home) -> None:
    (home.config / "identity").chmod(0o644)
    assert "chmod 600" in str(found(home, status=1)["identity"])
    (home.config / "contexts.toml").write_text("current = 7\n")
    said = found(home, status=1)
    assert said["context"][0] == "problem"
    assert "line 1" in said["context"][1]
    (home.config / "identity").chmod(0o600)
