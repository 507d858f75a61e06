"""What a supervisor notes in the folder of a job for its successor."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from jobwire.worker.state.log_folders.folders import lingers_path
from jobwire.worker.state.log_folders.notes import (
    PipeName,
    forget_lingering,
    lingering_pipes_path,
    note_lingering,
    pipes_path,
    read_lingering,
    read_pipes,
    write_pipes,
)

NAMES = (PipeName(15, 4294967296), PipeName(15, 7))


def test_pipes_that_were_noted_are_read_again(tmp_path: Path) -> None:
    path = pipes_path(str(tmp_path))
    write_pipes(path, NAMES)
    assert read_pipes(path) == NAMES


def test_pipes_of_a_second_attempt_are_noted_instead_of_those_of_the_first(tmp_path: Path) -> None:
    path = pipes_path(str(tmp_path))
    write_pipes(path, NAMES)
    write_pipes(path, NAMES[::-1])
    assert read_pipes(path) == NAMES[::-1]


@pytest.mark.parametrize("text", ["1:2", "1:2,3", "1:2,3:4,5:6", "1:2,3:x", "stdout"])
def test_a_note_of_something_else_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "pipes").symlink_to(text)
    assert read_pipes(pipes_path(str(tmp_path))) is None


def test_where_nothing_is_noted_or_something_else_stands_there_no_pipes_are_known(tmp_path: Path) -> None:
    path = pipes_path(str(tmp_path))
    assert read_pipes(path) is None
    # A supervisor that was killed before it wrote: nothing was forked.
    Path(path).write_bytes(b"")
    assert read_pipes(path) is None
    Path(path).unlink()
    Path(path).mkdir()
    assert read_pipes(path) is None


def test_the_pipes_of_a_job_that_lingers_are_noted_beside_its_folder_and_forgotten_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "1_2_3"
    folder.mkdir()
    write_pipes(pipes_path(str(folder)), NAMES)
    note_lingering(str(tmp_path), "handle", str(folder))
    assert read_pipes(lingering_pipes_path(str(tmp_path), "handle")) == NAMES
    forget_lingering(str(tmp_path), "handle")
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


@pytest.fixture(params=[errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get)
def without_links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_target: str, path: str) -> None:
        raise OSError(request.param, os.strerror(request.param), path)

    monkeypatch.setattr(os, "symlink", refuse)


@pytest.mark.usefixtures("without_links")
def test_without_symbolic_links_the_same_is_noted_in_files(tmp_path: Path) -> None:
    folder = tmp_path / "1_2_3"
    folder.mkdir()
    write_pipes(pipes_path(str(folder)), NAMES)
    write_pipes(pipes_path(str(folder)), NAMES[::-1])
    assert read_pipes(pipes_path(str(folder))) == NAMES[::-1]
    note_lingering(str(tmp_path), "handle", str(folder))
    assert read_lingering(lingers_path(str(tmp_path), "handle")) == folder.name
    assert read_pipes(lingering_pipes_path(str(tmp_path), "handle")) == NAMES[::-1]
    forget_lingering(str(tmp_path), "handle")
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_another_refusal_of_a_note_is_none_of_the_file_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_pipes(pipes_path(str(tmp_path / "gone")), NAMES)
