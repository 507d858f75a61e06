"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from jobwire.keys import private_files


def test_a_replaced_file_is_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    path.chmod(0o644)
    private_files.replace(path, b"after")
    assert path.read_bytes() == b"after"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_is_left_where_a_file_cannot_take_its_place(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        private_files.replace(tmp_path / "folder", b"data")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("write", [private_files.create, private_files.replace])
def test_nothing_is_left_when_the_disk_is_full(tmp_path: Path, write: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "file", b"data")  # type: ignore[operator]
    assert list(tmp_path.iterdir()) == []


def test_folders_that_exist_keep_their_mode(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(0o755)
    private_files.make_folder(tmp_path / "there" / "new" / "deep")
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("there", "there/new", "there/new/deep")] == [0o755, 0o700, 0o700]
