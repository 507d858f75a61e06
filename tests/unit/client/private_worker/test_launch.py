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


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir], ids=["pipe", "folder"])
def test_a_log_that_is_no_file_is_named_and_not_waited_for(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "worker.log")
    with pytest.raises(Refused, match=r"cannot be used: worker\.log is a (pipe|folder), not a file; remove it"):
        launch.start(tmp_path)
    assert not (tmp_path / "lock").exists()
