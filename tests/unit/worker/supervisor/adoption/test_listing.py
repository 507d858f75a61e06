"""A supervisor lists the log folders when their disk lets it, and does not exit before."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from jobwire.worker.supervisor.adoption import listing


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(listing, "RETRY_SECONDS", 0)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_a_disk_that_fails_for_everything_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], number: int
) -> None:
    """Not only to list them: of a network file system that is away, the state folder itself cannot be looked at."""
    Path("logs", "one").mkdir(parents=True)
    failures = [OSError(number, os.strerror(number))]
    real_listdir, real_stat = os.listdir, os.stat

    def listdir(path: str) -> list[str]:
        if failures:
            raise failures.pop()
        return real_listdir(path)

    def stat(path: str, **named: Any) -> os.stat_result:
        if path == ".":
            raise OSError(number, os.strerror(number))
        return real_stat(path, **named)

    monkeypatch.setattr(os, "listdir", listdir)
    monkeypatch.setattr(os, "stat", stat)
    assert listing.list_logs("logs") == ["one"]
    assert capfd.readouterr().err.count("cannot be listed") == 1


def test_in_a_state_folder_that_was_removed_there_is_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    os.chdir(folder)
    folder.rmdir()
    assert listing.list_logs("logs") == []
