"""Where what is fetched, and what commands write, may take the place of something."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from jobwire.client.cli.exit_status import BadInput
from jobwire.client.cli.files.whole_file import write_file
from jobwire.client.files import fetching
from jobwire.client.files.special_places import is_special
from jobwire.schemas.jobs.brought_files import FileKind
from jobwire.schemas.refusal import Refused

KINDS = [FileKind.FILE, FileKind.TREE]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["pipe", "socket", "link"])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, name: str, kind: FileKind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    (tmp_path / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        with pytest.raises(Refused, match="cannot be replaced by a file"):
            fetching._Writing(name.encode(), kind)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe", "socket"]


@pytest.mark.parametrize("place", ["/dev/new", "/dev/../dev/null", "/proc/self/fd/1", "/dev/stdout", "/dev/fd/1", "/sys/kernel/x"])
def test_nothing_is_written_among_devices(place: str) -> None:
    assert is_special(place.encode())


def test_files_and_folders_are_written_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("former")
    (tmp_path / "to-file").symlink_to("file")
    (tmp_path / "to-nothing").symlink_to("nothing")
    for name in ("file", "to-file", "to-nothing", "new"):
        assert not is_special(os.fsencode(tmp_path / name))
    assert not is_special(b"/dev/shm/no-such-file")


def test_a_command_writes_into_what_is_open_and_not_over_it(tmp_path: Path) -> None:
    with (tmp_path / "page").open("ab") as page:
        page.write(b"before\n")
        page.flush()
        write_file(f"/proc/self/fd/{page.fileno()}", "text\n")
    assert (tmp_path / "page").read_text() == "before\ntext\n"
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


def test_a_command_writes_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("page")
    for text in ("first", "second"):
        write_file(str(tmp_path / "link"), text)
        assert (tmp_path / "page").read_text() == text
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "page"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be led astray so")
def test_root_writes_through_no_link_that_another_user_may_have_made(tmp_path: Path) -> None:
    of_root = tmp_path / "of-root"
    of_root.write_text("as it was")
    folder = tmp_path / "of-another"
    folder.mkdir()
    (folder / "link").symlink_to(of_root)
    (folder / "to-nothing").symlink_to(tmp_path / "new")
    for path in (folder / "link", folder / "to-nothing", folder):
        os.chown(path, 54321, 54321, follow_symlinks=False)
    for name in ("link", "to-nothing"):
        with pytest.raises(BadInput, match="a symbolic link that uid 54321 may have created, and is not followed"):
            write_file(str(folder / name), "text")
    assert of_root.read_text() == "as it was"
    assert not (tmp_path / "new").exists()
    # Nor does a link under the name that a new file has until it is whole.
    (folder / f".page.{os.getpid()}").symlink_to(of_root)
    write_file(str(folder / "page"), "text")
    assert (of_root.read_text(), (folder / "page").read_text()) == ("as it was", "text")


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadInput, match="cannot be written: Is a directory"):
        write_file(str(tmp_path / "folder"), "text")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
