"""Folders stand for cgroups: which of them are removed does not depend on the kernel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jobwire.worker.supervisor.containment.cgroup_tree import name_for
from jobwire.worker.supervisor.containment.leftovers import remove_leftovers

EMPTY, FULL = "populated 0\nfrozen 0\n", "populated 1\nfrozen 0\n"


@pytest.fixture(autouse=True)
def as_in_cgroups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove a folder with the files in it, as the kernel does."""
    rmdir = os.rmdir

    def remove(path: str, *, dir_fd: int | None = None) -> None:
        for file in Path(path if dir_fd is None else f"/proc/self/fd/{dir_fd}/{path}").iterdir():
            if file.is_file():
                file.unlink()
        rmdir(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", remove)


def cgroup(above: Path, name: str, events: str = EMPTY) -> Path:
    made = above / name
    (made / "job-1").mkdir(parents=True)
    for folder in (made, made / "job-1"):
        (folder / "cgroup.events").write_text(events)
    return made


def test_what_a_supervisor_left_that_is_gone_is_removed(tmp_path: Path) -> None:
    gone = cgroup(tmp_path, "jobwire-1f-2a")
    own = cgroup(tmp_path, "jobwire-1f-3")
    running = cgroup(tmp_path, "jobwire-1f-4", FULL)
    inhabited = cgroup(tmp_path, name_for(Path.cwd().stat()))
    others = [
        cgroup(tmp_path, name)
        for name in ("jobwire-workers", "jobwire-1f", "jobwire--", "jobwire-test-77", "system.slice", "jobwire-1f-2a-3")
    ]
    remove_leftovers(str(tmp_path), own.name)
    assert not gone.exists()
    assert all(kept.exists() for kept in (own, running, inhabited, *others))


def test_where_nothing_is_to_be_seen_nothing_is_done(tmp_path: Path) -> None:
    remove_leftovers(str(tmp_path / "gone"), "jobwire-1-1")
