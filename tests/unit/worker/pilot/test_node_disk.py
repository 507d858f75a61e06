"""Where the state of a worker in an allocation may be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jobwire.schemas.refusal import Refused
from jobwire.worker.pilot import node_disk


def test_the_folder_is_new_and_only_for_its_user(tmp_path: Path) -> None:
    one, other = (node_disk.make_state(str(tmp_path), "jw-q-1") for _ in range(2))
    assert one != other
    assert one.stat().st_mode & 0o777 == 0o700


def test_a_file_system_of_the_network_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path.stat().st_dev
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"22 1 0:20 / /proc rw - proc proc rw\n40 1 {os.major(device)}:{os.minor(device)} / /x rw,relatime shared:1 - nfs4 server:/x rw\n"
    )
    assert node_disk.file_system_of(tmp_path, str(mounts)) == "nfs4"
    mounts.write_text("")
    assert node_disk.file_system_of(tmp_path, str(mounts)) == ""
    mounts.unlink()
    monkeypatch.setattr(node_disk, "file_system_of", lambda _: "lustre")
    with pytest.raises(Refused, match="network file system"):
        node_disk.make_state(str(tmp_path), "jw-q-1")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="missing"):
        node_disk.make_state(str(tmp_path / "missing"), "jw-q-1")
