"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobwire.keys.files import private_files
from jobwire.schemas.refusal import Code, Refused


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


STRANGER = 54321
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be led astray so")


@as_root
def test_root_gives_away_the_file_that_it_wrote_and_not_what_its_name_leads_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim, folder = tmp_path / "victim", tmp_path / "service"
    victim.write_text("root's")
    folder.mkdir()
    os.chown(folder, STRANGER, STRANGER)
    sync = os.fsync

    def swap(fd: int) -> None:
        sync(fd)
        for made in folder.glob(".roster.*"):
            made.unlink()
            made.symlink_to(victim)

    monkeypatch.setattr(os, "fsync", swap)
    private_files.replace(folder / "roster", b"data")
    assert victim.stat().st_uid == 0
    assert victim.read_text() == "root's"


@as_root
def test_root_gives_away_no_folder_that_a_name_leads_to_by_the_time_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder itself is swapped for a link: what was opened counts."""
    folder, elsewhere = tmp_path / "service", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    sync = os.fsync

    def swap(fd: int) -> None:
        sync(fd)
        if not folder.is_symlink():
            folder.rename(tmp_path / "moved")
            folder.symlink_to(elsewhere)

    monkeypatch.setattr(os, "fsync", swap)
    private_files.replace(folder / "roster", b"data")
    assert list(elsewhere.iterdir()) == []
    assert (tmp_path / "moved" / "roster").read_bytes() == b"data"


@as_root
@pytest.mark.parametrize("way", ["the file", "its folder", "a folder above"])
def test_root_follows_no_link_that_somebody_else_made(tmp_path: Path, way: str) -> None:
    service, mine = tmp_path / "service", tmp_path / "mine"
    (mine / "deep").mkdir(parents=True)
    (mine / "deep" / "roster").write_text("root's")
    service.mkdir()
    links = {"the file": "deep/roster", "its folder": "deep", "a folder above": "."}
    link = service / "roster" if way == "the file" else service / "link"
    link.symlink_to(mine / links[way])
    path = {"the file": link, "its folder": link / "roster", "a folder above": link / "deep" / "roster"}[way]
    private_files.replace(path, b"followed, for all of it is root's")
    for changed in (service, link):
        os.chown(changed, STRANGER, STRANGER, follow_symlinks=False)
        with pytest.raises(PermissionError, match="is a symbolic link that uid 54321 may have created"):
            private_files.replace(path, b"data")
        os.chown(changed, 0, 0, follow_symlinks=False)
    assert (mine / "deep" / "roster").read_bytes().startswith(b"followed")


def test_links_and_dots_lead_where_the_kernel_would_go(tmp_path: Path) -> None:
    (tmp_path / "one" / "two").mkdir(parents=True)
    (tmp_path / "absolute").symlink_to(tmp_path / "one" / "two")
    (tmp_path / "one" / "relative").symlink_to("../absolute/../file")
    private_files.replace(tmp_path / "one" / "two" / ".." / "relative", b"data")
    assert (tmp_path / "one" / "file").read_bytes() == b"data"
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        private_files.replace(tmp_path / "circle", b"data")


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_is_created_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", fail)
    private_files.create(tmp_path / "file", b"first")
    with pytest.raises(FileExistsError):
        private_files.create(tmp_path / "file", b"second")
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("file", b"first")]


def test_a_folder_that_cannot_be_synced_is_written_to_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_fd: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", fail)
    private_files.replace(tmp_path / "file", b"data")
    assert (tmp_path / "file").read_bytes() == b"data"


@pytest.mark.parametrize("umask", [0, 0o277, 0o777], ids=oct)
def test_folders_and_files_are_for_their_owner_whatever_the_umask_is(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        private_files.make_folder(tmp_path / "a" / "b")
        private_files.create(tmp_path / "a" / "b" / "created", b"x")
        private_files.replace(tmp_path / "a" / "b" / "replaced", b"x")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b", "a/b/created", "a/b/replaced")]
    assert modes == [0o700, 0o700, 0o600, 0o600]


def test_a_device_is_not_replaced_even_through_a_link(tmp_path: Path) -> None:
    device = tmp_path / "device"
    try:
        os.mknod(device, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("this user may not make devices")
    (tmp_path / "link").symlink_to(device)
    for name in ("device", "link"):
        with pytest.raises(OSError, match="it is a device, and not a file"):
            private_files.replace(tmp_path / name, b"x")
    assert stat.S_ISCHR(device.lstat().st_mode)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["device", "link"]


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[int]:
    """A folder that another process keeps locked, as its descriptor."""
    held = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(held, fcntl.LOCK_EX)
    yield held
    os.close(held)


@pytest.mark.usefixtures("locked")
def test_a_folder_that_another_process_keeps_locked_is_named_and_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_files, "LOCK_SECONDS", 0)
    with private_files.place_of(tmp_path / "roster.toml") as place, pytest.raises(Refused) as caught:
        place.lock()
    assert caught.value.code is Code.UNAVAILABLE
    assert str(caught.value).startswith(f"{tmp_path}/roster.toml cannot be changed: another process has kept {tmp_path} locked")


def test_a_lock_that_is_released_soon_is_waited_for(tmp_path: Path, locked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []

    def pause(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            fcntl.flock(locked, fcntl.LOCK_UN)

    monkeypatch.setattr(time, "sleep", pause)
    with private_files.place_of(tmp_path / "roster.toml") as place:
        place.lock()
    assert len(looks) == 3
