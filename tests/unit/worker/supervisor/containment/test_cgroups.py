"""The pool of cgroups, with folders in place of the kernel's: what happens if two supervisors have one name for theirs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobwire.worker.supervisor.containment.cgroup_tree import Tree
from jobwire.worker.supervisor.containment.cgroups import Cgroup, Cgroups
from jobwire.worker.supervisor.containment.leftovers import remove_leftovers

NAME = "jobwire-1f-2a"
HANDLE = f"{'a' * 32}.{'b' * 64}"


@pytest.fixture(autouse=True)
def as_in_cgroups(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Create folders with the files of the kernel, and remove these with the folder."""
    mkdir, rmdir = os.mkdir, os.rmdir

    def make(path: str, mode: int = 0o777) -> None:
        mkdir(path, mode)
        if str(path).startswith(str(tmp_path)):
            for name, text in (("cgroup.procs", ""), ("cgroup.events", "populated 0\nfrozen 0\n")):
                Path(path, name).write_text(text)

    def remove(path: str, *, dir_fd: int | None = None) -> None:
        for file in Path(path if dir_fd is None else f"/proc/self/fd/{dir_fd}/{path}").iterdir():
            if file.is_file():
                file.unlink()
        rmdir(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", make)
    monkeypatch.setattr(os, "rmdir", remove)
    (tmp_path / "cgroup.procs").write_text("")


class Place(Tree):
    """A cgroup that this process is said to be in."""

    def __init__(self, folder: Path) -> None:
        super().__init__("", "")
        self._folder = folder

    def folder_of(self, pid: int) -> str:
        del pid
        return str(self._folder)


@contextmanager
def pool(folder: Path) -> Iterator[Cgroups]:
    one = Cgroups(Place(folder), NAME)
    try:
        yield one
    finally:
        one.close()
        os.close(one._home)


def gone(box: Cgroup) -> None:
    """Fail to move into it, as if it had been removed."""
    os.close(box._procs)
    box._procs = os.open("/dev/full", os.O_WRONLY)


def test_a_supervisor_that_ends_leaves_the_cgroup_of_another_with_its_name(tmp_path: Path) -> None:
    with pool(tmp_path) as newer:
        with pool(tmp_path):
            pass
        assert (tmp_path / NAME).exists()
        newer.take().release()
        with pool(tmp_path) as older:
            older.remove_empty()
        assert (tmp_path / NAME / "job-1").exists()
    assert not (tmp_path / NAME).exists()


def test_what_a_supervisor_in_another_container_uses_is_not_a_leftover(tmp_path: Path) -> None:
    with pool(tmp_path):
        remove_leftovers(str(tmp_path), "jobwire-1f-3")
        assert (tmp_path / NAME).exists()
    (tmp_path / NAME).mkdir()
    remove_leftovers(str(tmp_path), "jobwire-1f-3")
    assert not (tmp_path / NAME).exists()


def test_two_supervisors_with_one_name_share_no_cgroup_of_a_job(tmp_path: Path) -> None:
    with pool(tmp_path) as one, pool(tmp_path) as other:
        boxes = [one.take(), other.take(), one.take(), other.take()]
        assert len({box.path for box in boxes}) == len(boxes)
        # One was removed in the pool of the first, and is the second's now.
        gone(boxes[0])
        boxes[0].enter()
        assert boxes[0].path not in {box.path for box in boxes[1:]}
        assert Path(boxes[0].path, "cgroup.procs").read_text() == "0"
        for box in boxes:
            box.remove()


def test_what_was_made_for_one_job_is_used_by_no_other_also_if_it_had_to_be_made_again(tmp_path: Path) -> None:
    with pool(tmp_path) as one:
        own = one.make(HANDLE)
        gone(own)
        own.enter()
        own.release()
        assert not Path(own.path).exists()
        assert one.take().path != own.path


def test_a_folder_that_was_removed_is_created_and_locked_again(tmp_path: Path) -> None:
    with pool(tmp_path) as one:
        (tmp_path / NAME).rmdir()
        own = one.make(HANDLE)
        assert own.path == str(tmp_path / NAME / f"job-{HANDLE}")
        remove_leftovers(str(tmp_path), "jobwire-1f-3")
        assert Path(own.path).exists()
        own.remove()


def test_what_cannot_be_locked_is_used_nevertheless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("jobwire.worker.supervisor.containment.leftovers.hold", refuse)
    with pool(tmp_path) as one:
        one.take().release()
    assert "cannot be locked: Operation not supported" in capfd.readouterr().err
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize("which", ["a job's", "the state folder's"])
def test_one_that_somebody_has_removed_already_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str], which: str) -> None:
    with pool(tmp_path) as one:
        box = one.make(HANDLE)
        Path(box.path).rmdir()
        if which == "the state folder's":
            (tmp_path / NAME).rmdir()
        box.release()
    assert capsys.readouterr().err == ""
    assert not (tmp_path / NAME).exists()
