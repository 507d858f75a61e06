"""Files that even root cannot write: real ones, where the file system of the tests has attributes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from requirements import can_run

from jobwire.keys.files.attributes import reason_with
from jobwire.keys.files.ownership import reason_of
from jobwire.keys.holder import reason_in
from jobwire.keys.identity import generate
from jobwire.keys.members import roster
from jobwire.schemas.refusal import Refused

NOT_PERMITTED = PermissionError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.fixture
def fixed(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "fixed"
    path.touch(0o600)
    if not can_run("chattr", "+i", str(path)):
        pytest.skip("no file can be immutable here")
    yield path
    assert can_run("chattr", "-i", str(path))


def test_an_immutable_file_is_named_with_what_changes_that(fixed: Path) -> None:
    said = f"{fixed} is immutable (chattr -i {fixed} changes that)"
    assert said in reason_with(NOT_PERMITTED, fixed)
    assert said in reason_of(NOT_PERMITTED, fixed)
    assert said in reason_in(fixed.parent, PermissionError(errno.EPERM, os.strerror(errno.EPERM), "fixed"))
    with pytest.raises(Refused, match="is immutable"):
        roster.add_member(fixed, "ada", generate().public, "viewer")


def test_a_folder_to_which_only_can_be_added_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    if not can_run("chattr", "+a", str(folder)):
        pytest.skip("no folder can be so here")
    try:
        assert f"{folder} is append-only" in reason_with(NOT_PERMITTED, folder / "file")
    finally:
        assert can_run("chattr", "-a", str(folder))


def test_what_has_another_reason_says_that_one(tmp_path: Path) -> None:
    assert reason_with(NOT_PERMITTED, tmp_path / "file") == "Operation not permitted"
    assert reason_with(OSError(errno.ENOSPC, "No space left on device"), tmp_path) == "No space left on device"
