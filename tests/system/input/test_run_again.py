"""What a person reads who runs a job again whose standard input came as a stream."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from daemons import Worker
from home import Home, command


@pytest.fixture
def home(worker: Worker, tmp_path: Path) -> Home:
    made = Home(tmp_path / "home", tmp_path / "bytecode", "admin")
    made.use(worker, worker.admin)
    return made


def test_a_rerun_without_the_input_says_what_to_type(home: Home) -> None:
    home.jobwire("run", "-n", "fed", "--", "cat", stdin=b"once\n")
    rerun = home.start("rerun", "fed")
    _, err = rerun.communicate(timeout=60)
    assert rerun.returncode == 1
    assert b"came as a stream, which was not kept; give it again: jobwire rerun JOB < FILE" in err
    assert len(home.records("list", "-a")) == 1


def test_the_i_of_docker_is_not_needed(home: Home) -> None:
    refused = home.jobwire("run", "-i", "--", "cat", stdin=b"line\n", status=2)
    assert b"no such option: -i; standard input is passed on anyway" in refused.stderr
    assert home.jobwire("run", "--", "cat", stdin=b"line\n").stdout == b"line\n"


def test_a_pipe_that_is_empty_and_closed_is_no_stream(home: Home) -> None:
    reading, writing = os.pipe()
    os.close(writing)
    subprocess.run(command("run", "-n", "empty", "--", "cat"), stdin=reading, env=home.env, cwd=home.folder, timeout=60, check=True)
    os.close(reading)
    (record,) = home.records("list", "-a")
    assert not record["feed"]
    home.jobwire("batch", "-", stdin=home.jobwire("list", "-a", "--json").stdout)
