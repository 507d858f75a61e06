"""A private worker that cannot be started."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jobwire.client.private_worker import launch
from jobwire.schemas.refusal import Refused


def open_descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


@pytest.mark.parametrize("python", ["/nowhere/python", "a\0b"])
def test_a_start_that_fails_leaves_no_descriptor(python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(sys, "executable", python)
    before = open_descriptors()
    with pytest.raises((Refused, ValueError)) as caught:
        launch.start(tmp_path)
    # What the exception holds is not what is meant.
    del caught

    assert open_descriptors() == before


def test_a_machine_without_dev_null_is_told_so_and_python_is_not_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(os, "devnull", "/nowhere/null")
    with pytest.raises(Refused, match=r"No such file or directory: /nowhere/null") as caught:
        launch.start(tmp_path)
    assert "mknod" in caught.value.next_step


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
