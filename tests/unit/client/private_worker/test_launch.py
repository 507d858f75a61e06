"""A private worker that cannot be started."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import own_descriptors

from jobwire.client.private_worker import launch
from jobwire.schemas.refusal import Refused


@pytest.mark.parametrize("python", ["/nowhere/python", "a\0b"])
def test_a_start_that_fails_leaves_no_descriptor(python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(sys, "executable", python)
    before = own_descriptors()
    with pytest.raises((Refused, ValueError)) as caught:
        launch.start(tmp_path)
    # What the exception holds is not what is meant.
    del caught

    assert own_descriptors() == before


def test_a_machine_without_dev_null_is_told_so_and_python_is_not_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(os, "devnull", "/nowhere/null")
    with pytest.raises(Refused, match=r"No such file or directory: /nowhere/null") as caught:
        launch.start(tmp_path)
    assert "mknod" in caught.value.next_step


@pytest.mark.parametrize(("number", "says"), [(errno.EAGAIN, "temporarily unavailable"), (errno.ENOMEM, "allocate memory")])
def test_a_process_that_cannot_be_made_is_not_the_fault_of_python(
    number: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), sys.executable)

    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(Refused, match=f"cannot be started: .*{says}") as caught:
        launch.start(tmp_path)
    assert "sys.executable" not in caught.value.next_step


def test_a_worker_that_may_write_no_file_of_the_size_of_its_log_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_text("of earlier workers\n" * 1000)
    (tmp_path / "worker.log").chmod(0o600)
    program = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
    program += "from jobwire.client.private_worker import launch; from pathlib import Path; launch.start(Path(sys.argv[1]))"
    # Python leaves truncated bytecode where it cannot write all of it.
    env = {**os.environ, "JOBWIRE_CONFIG": str(tmp_path / "config"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", program, str(tmp_path)]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    if ended.returncode == 0:
        pytest.skip("this user may raise the limit")
    assert "it may write files of at most 4096 bytes" in ended.stderr


@pytest.mark.parametrize(
    ("option", "given", "handed_on"),
    [
        ("-s", {"PYTHONPATH": "/x", "MARK": "1"}, {"PYTHONPATH": "/x", "PYTHONNOUSERSITE": "1", "MARK": "1"}),
        ("-E", {"PYTHONPATH": "/x", "PYTHONUSERBASE": "/y", "MARK": "1"}, {"MARK": "1"}),
        ("-I", {"PYTHONPATH": "/x", "PYTHONUSERBASE": "/y"}, {"PYTHONNOUSERSITE": "1"}),
    ],
)
def test_the_worker_finds_the_modules_that_its_caller_finds(option: str, given: dict[str, str], handed_on: dict[str, str]) -> None:
    look = "import json; from jobwire.client.private_worker import launch; print(json.dumps(launch._environment()))"
    said = subprocess.run([sys.executable, option, "-c", look], env=given, cwd="/", capture_output=True, check=True, timeout=60).stdout
    assert {name: value for name, value in json.loads(said).items() if name != "LC_CTYPE"} == handed_on


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir], ids=["pipe", "folder"])
def test_a_log_that_is_no_file_is_named_and_not_waited_for(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "worker.log")
    with pytest.raises(Refused, match=r"cannot be used: worker\.log is a (pipe|folder), not a file; remove it"):
        launch.start(tmp_path)
    assert not (tmp_path / "lock").exists()


@pytest.mark.parametrize(("kills", "says"), [(2, "wrote nothing"), (3, "was ended by SIGKILL before it was ready")])
def test_one_that_is_killed_before_it_is_ready_is_started_again_a_few_times(
    kills: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, starts = tmp_path / "python", tmp_path / "starts"
    program.write_text(f"#!/bin/sh\necho >>{starts}\ntest $(wc -l <{starts}) -gt {kills} || kill -9 $$\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(Refused, match=says):
        launch.start(tmp_path)
    assert starts.read_text() == "\n" * 3
