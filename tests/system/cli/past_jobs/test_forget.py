"""Forgotten jobs at the command line, with a real worker."""

from __future__ import annotations

import json

import pytest
from home import Home


@pytest.fixture
def ended(home: Home) -> list[str]:
    """Two jobs that have ended, the first of which wrote six bytes, and a third that is running."""
    jobs = [home.submit("-n", "first", "echo", "hello"), home.submit("-n", "second", "true")]
    home.jobwire("wait", *jobs)
    home.submit("-n", "slow", "sleep", "600")
    return jobs


def names(home: Home) -> list[str]:
    return [job["name"] for job in home.records("list", "-a")]


def test_a_job_is_forgotten_by_name_and_its_id_stays_taken(home: Home, ended: list[str]) -> None:
    assert home.jobwire("forget", "first").stderr == b"jobwire: 1 job forgotten, 6 bytes of logs\n"
    assert names(home) == ["second", "slow"]
    assert b"has ended and was forgotten" in home.jobwire("show", ended[0], status=1).stderr
    assert b"was forgotten; it is never run again" in home.jobwire("run", "--id", ended[0], "echo", "hello", status=1).stderr


def test_what_has_not_ended_or_does_not_exist_is_told_and_left_and_the_others_are_forgotten(home: Home, ended: list[str]) -> None:
    said = home.jobwire("forget", "nosuch", "slow", "first", status=1).stderr.decode()
    assert "there is no job nosuch" in said
    assert "has not ended; jobwire stop ends it" in said
    assert said.endswith("jobwire: 1 job forgotten, 6 bytes of logs\n")
    assert names(home) == ["second", "slow"]
    assert b"has not ended" in home.jobwire("forget", "slow", status=1).stderr


def test_of_a_run_that_has_not_ended_nothing_is_forgotten(home: Home) -> None:
    lines = b"true\nsleep 600\n"
    run = home.jobwire("batch", "--lines", "--no-wait", "-q", "-", stdin=lines).stdout.decode().strip()
    quick, slow = home.records("list", run)
    home.jobwire("wait", quick["id"])
    assert b"has not ended" in home.jobwire("forget", run, status=1).stderr
    assert len(home.records("list", run)) == 2
    home.jobwire("stop", "--now", slow["id"])
    assert b"2 jobs forgotten" in home.jobwire("forget", run).stderr


def test_all_ended_jobs_are_forgotten_as_a_dry_run_has_shown(home: Home, ended: list[str]) -> None:
    assert b"2 jobs would be forgotten, 6 bytes" in home.jobwire("forget", "--all-ended", "--dry-run").stderr
    assert json.loads(home.jobwire("forget", "--older-than", "1h", "--json").stdout) == {"jobs": 0, "log_bytes": 0}
    assert names(home) == ["first", "second", "slow"]
    assert json.loads(home.jobwire("forget", "--older-than", "0s", "--json").stdout) == {"jobs": 2, "log_bytes": 6}
    assert names(home) == ["slow"]


def test_forget_needs_an_argument(home: Home) -> None:
    assert b"name jobs" in home.jobwire("forget", status=2).stderr
    assert b"cannot be combined" in home.jobwire("forget", "--all-ended", "last", status=2).stderr
    assert b"--older-than" in home.jobwire("forget", "--older-than", "soon", status=2).stderr


def test_a_cursor_that_is_useless_is_answered_with_what_to_type(home: Home) -> None:
    said = home.jobwire("events", "--from", f"{'0' * 32}:1", status=1).stderr.decode()
    assert "jobwire list -a, then continue with: jobwire events --from " in said
