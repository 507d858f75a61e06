"""Folders travel as archives: what is written by one module is read by the others, and by tar."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.schemas.jobs.brought_files import FileKind
from jobwire.schemas.refusal import Reason, Refused
from jobwire.schemas.trees import beneath, reading, writing
from jobwire.schemas.trees.archive import END, Entry, HeaderReader, Kind, write_header
from jobwire.schemas.trees.reading import Source
from jobwire.schemas.trees.writing import Unpacking, leads_out


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY)


def _archive(path: Path) -> bytes:
    with Source(_open(path), str(path)) as source:
        data = b"".join(source.read())
        assert len(data) == source.survey.size
        return data


def _unpack(data: bytes, into: Path, *, step: int = 1000) -> None:
    into.mkdir(exist_ok=True)
    root = _open(into)
    unpacking = Unpacking(root, "it")
    try:
        for at in range(0, len(data), step):
            unpacking.feed(data[at : at + step])
        unpacking.finish()
    finally:
        unpacking.close()
        os.close(root)


def _make_tree(path: Path) -> None:
    path.mkdir()
    (path / "empty").mkdir()
    (path / "run.sh").write_bytes(b"#!/bin/sh\n")
    (path / "run.sh").chmod(0o755)
    (path / "nothing").touch()
    (path / "big").write_bytes(os.urandom(700_001))
    Path(os.fsdecode(os.fsencode(path) + b"/new\nline \xff\xfe")).write_bytes(b"name")
    long = path / ("d" * 120) / ("e" * 120)
    long.mkdir(parents=True)
    (long / "deep").write_text("deep")
    (path / "out").symlink_to("/etc/passwd")
    (path / "in").symlink_to("empty")
    (path / "closed").mkdir()
    (path / "closed" / "secret").write_text("s")
    (path / "closed" / "secret").chmod(0o4755)
    (path / "closed").chmod(0o555)


def _listing(path: Path) -> dict[bytes, tuple[int, object]]:
    found: dict[bytes, tuple[int, object]] = {}
    for folder, folders, files in os.walk(os.fsencode(path)):
        for name in folders + files:
            inner = folder + b"/" + name
            status = os.lstat(inner)
            kind = stat.S_IFMT(status.st_mode)
            content: object = None
            if kind == stat.S_IFLNK:
                content = os.fsencode(Path(os.fsdecode(inner)).readlink())
            elif kind == stat.S_IFREG:
                content = Path(os.fsdecode(inner)).read_bytes()
            mode = kind if kind == stat.S_IFLNK else kind | (status.st_mode & 0o777)
            found[os.path.relpath(inner, os.fsencode(path))] = (mode, content)
    return found


@pytest.mark.parametrize("step", [1, 511, 512, 100_000])
def test_a_folder_arrives_as_it_was_with_modes_and_links(tmp_path: Path, step: int) -> None:
    _make_tree(tmp_path / "tree")
    if step == 1:
        (tmp_path / "tree" / "big").write_bytes(b"b" * 600)

    _unpack(_archive(tmp_path / "tree"), tmp_path / "copy", step=step)

    assert _listing(tmp_path / "copy") == _listing(tmp_path / "tree")
    assert not (tmp_path / "copy" / "closed" / "secret").stat().st_mode & stat.S_ISUID


def test_the_same_content_is_the_same_archive(tmp_path: Path) -> None:
    for name in ("one", "two"):
        _make_tree(tmp_path / name)
        (tmp_path / name / "big").write_bytes(b"same")
    os.utime(tmp_path / "two" / "big", (1, 1))

    assert _archive(tmp_path / "one") == _archive(tmp_path / "two")


def test_tar_reads_an_archive(tmp_path: Path) -> None:
    _make_tree(tmp_path / "tree")

    with tarfile.open(fileobj=BytesIO(_archive(tmp_path / "tree")), errors="surrogateescape") as archive:
        names = {os.fsencode(member.name) for member in archive}
        assert names == {b"."} | set(_listing(tmp_path / "tree"))
        member = archive.extractfile("./big" if "./big" in archive.getnames() else "big")
        assert member is not None
        assert member.read() == (tmp_path / "tree" / "big").read_bytes()


def test_an_archive_of_tar_is_unpacked(tmp_path: Path) -> None:
    _make_tree(tmp_path / "tree")
    written = BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.add(tmp_path / "tree", ".", filter=lambda member: member if b"\xff" not in os.fsencode(member.name) else None)

    _unpack(written.getvalue(), tmp_path / "copy")

    wanted = {name: what for name, what in _listing(tmp_path / "tree").items() if b"\xff" not in name}
    assert _listing(tmp_path / "copy") == wanted


@pytest.mark.parametrize("start", [0, 1, 511, 512, 5000, 700_000, 703_000])
def test_an_archive_is_read_from_any_byte_on(tmp_path: Path, start: int) -> None:
    _make_tree(tmp_path / "tree")
    whole = _archive(tmp_path / "tree")

    with Source(_open(tmp_path / "tree"), "it") as source:
        assert b"".join(source.read(start)) == whole[start:]
        assert b"".join(source.read(len(whole))) == b""


def test_a_sparse_file_stays_sparse(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    with (tmp_path / "tree" / "holes").open("wb") as file:
        file.seek(50_000_000)
        file.write(b"x")
        file.truncate(80_000_000)

    _unpack(_archive(tmp_path / "tree"), tmp_path / "copy", step=1 << 18)

    status = (tmp_path / "copy" / "holes").stat()
    assert status.st_size == 80_000_000
    assert status.st_blocks * 512 < 1_000_000
    assert (tmp_path / "copy" / "holes").read_bytes() == (tmp_path / "tree" / "holes").read_bytes()


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    changing = tmp_path / "tree" / "changing"
    changing.write_bytes(b"a" * 1_000_000)
    for path in (tmp_path / "tree", changing):
        with Source(_open(path), str(path)) as source:
            pieces = source.read()
            next(pieces)
            changing.write_bytes(b"b" * 1_000_001)
            with pytest.raises(Refused) as caught:
                list(pieces)
        assert caught.value.reason is Reason.CHANGED


def test_what_is_neither_file_nor_folder_is_refused_by_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        fd = os.open(path, beneath.READ)
        with pytest.raises(Refused, match="pipe"):
            Source(fd, "pipe" if path != tmp_path else "it")
    assert Source(_open(Path(__file__)), "it").survey.kind is FileKind.FILE


def test_what_does_not_travel_is_named_where_that_is_wanted_and_never_unpacked(tmp_path: Path) -> None:
    (tmp_path / "tree" / "in").mkdir(parents=True)
    os.mkfifo(tmp_path / "tree" / "in" / "pipe")
    (tmp_path / "tree" / "in" / ("long" * 50)).write_text("x")
    os.mkfifo(tmp_path / "tree" / ("fifo" * 50))
    with Source(os.open(tmp_path / "tree", beneath.READ), "tree", names_others=True) as source:
        archive = b"".join(source.read())
        assert len(archive) == source.survey.size
        assert b"".join(source.read(700)) == archive[700:]
    others: list[bytes] = []
    for name, leave_out in (("there", others.append), ("refused", None)):
        (tmp_path / name).mkdir()
        root = os.open(tmp_path / name, beneath.FOLDER)
        unpacking = Unpacking(root, name, leave_out=leave_out)
        try:
            if leave_out is None:
                with pytest.raises(Refused, match="is neither a file nor a folder"):
                    unpacking.feed(archive)
                continue
            unpacking.feed(archive)
            unpacking.finish()
        finally:
            unpacking.close()
            os.close(root)
    assert others == [b"fifo" * 50, b"in/pipe"]
    assert [path.name for path in (tmp_path / "there" / "in").iterdir()] == ["long" * 50]


def _evil(*entries: tuple[Entry, bytes]) -> bytes:
    return b"".join(write_header(entry) + data + bytes(-len(data) % 512) for entry, data in entries) + END


@pytest.mark.parametrize("path", [b"../out", b"/etc/out", b"a/../../out", b"a//b", b"./../out", b"..", b"x\0y"])
def test_no_path_leads_out_of_the_folder(tmp_path: Path, path: bytes) -> None:
    (tmp_path / "in").mkdir()
    header = bytearray(write_header(Entry(b"n" * len(path), Kind.FILE, 0o644, 1)))
    header[: len(path)] = path
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    if b"\0" in path:
        data = _evil((Entry(b"n" * 200, Kind.FILE, 0o644, 1), b"x")).replace(b"n" * 200, b"n\0" + b"n" * 198)
    else:
        data = bytes(header) + b"x" + bytes(511) + END

    with pytest.raises(Refused):
        _unpack(data, tmp_path / "in")

    assert list((tmp_path / "in").rglob("*")) == []
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_nothing_is_written_through_a_link_in_the_archive_or_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    link = Entry(b"link", Kind.LINK, target=b"../outside")
    file = Entry(b"link/file", Kind.FILE, 0o644, 1)

    # Links come last, so the file is in a folder of its own, which the link then finds in its place.
    with pytest.raises((Refused, FileExistsError)):
        _unpack(_evil((link, b""), (file, b"x")), tmp_path / "in")
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(Refused, match="below something that is not a folder"):
        _unpack(_evil((file, b"x")), tmp_path / "again")

    assert list((tmp_path / "outside").iterdir()) == []


def test_devices_and_hard_links_are_refused(tmp_path: Path) -> None:
    for kind in (tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE):
        written = BytesIO()
        with tarfile.open(fileobj=written, mode="w") as archive:
            member = tarfile.TarInfo("thing")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        with pytest.raises(Refused, match="neither a file nor a folder"):
            _unpack(written.getvalue(), tmp_path / "in")


def test_an_archive_that_ends_early_is_refused(tmp_path: Path) -> None:
    _make_tree(tmp_path / "tree")
    whole = _archive(tmp_path / "tree")
    with pytest.raises(Refused, match="ends in the middle"):
        _unpack(whole[: len(whole) // 2], tmp_path / "half")


@given(data=st.binary(min_size=512, max_size=2048))
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    headers = HeaderReader()
    try:
        while len(data) >= headers.awaited:
            data, block = data[headers.awaited :], data[: headers.awaited]
            headers.read(block)
    except Refused:
        pass


@given(path=st.binary(min_size=1, max_size=300), size=st.integers(0, 2**62), target=st.binary(max_size=300))
def test_a_header_is_read_as_it_was_written(path: bytes, size: int, target: bytes) -> None:
    path = b"/".join(part for part in path.replace(b"\0", b"0").split(b"/") if part not in (b"", b".", b"..")) or b"p"
    target = target.replace(b"\0", b"0")
    if max(map(len, path.split(b"/"))) > 255:
        return
    entry = Entry(path, Kind.LINK, 0, 0, target) if target else Entry(path, Kind.FILE, 0o640, size)
    data = write_header(entry)
    headers = HeaderReader()
    found = None
    while data:
        data, block = data[headers.awaited :], data[: headers.awaited]
        found = headers.read(block)
    assert found == entry


def test_links_that_lead_out_are_recognized() -> None:
    assert leads_out(b"a", b"/etc")
    assert leads_out(b"a", b"..")
    assert leads_out(b"d/a", b"../..")
    assert leads_out(b"a", b"d/link/../../x")
    assert not leads_out(b"d/a", b"../b")
    assert not leads_out(b"a", b"b/./c")


def test_a_folder_is_removed_however_deep_and_closed_it_is(tmp_path: Path) -> None:
    _make_tree(tmp_path / "tree")
    folder = os.open(tmp_path / "tree", os.O_RDONLY)
    for number in range(1500):
        os.mkdir("deeper", dir_fd=folder)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=folder)
        if number == 700:
            os.close(os.open("file", os.O_CREAT, dir_fd=folder))
        os.close(folder)
        folder = inner
    os.close(folder)
    parent = _open(tmp_path)
    try:
        beneath.remove_tree(parent, b"tree")
        beneath.remove_tree(parent, b"tree")
    finally:
        os.close(parent)
    assert list(tmp_path.iterdir()) == []


# In a namespace for mounts: in a folder, deeper, and on a file; of the same disk, and of another one.
_MOUNTED = """
import errno, os, subprocess, sys
from jobwire.schemas.trees import beneath

os.chdir(sys.argv[1])
for path in ("tree/m", "tree/a/b/m", "tree/a/b/c", "precious/inner", "disk"):
    os.makedirs(path)
for path in ("precious/inner/gold", "tree/file", "tree/a/file"):
    open(path, "w").close()
os.chmod("precious", 0o755), os.chmod("precious/inner", 0o750)
where, what = sys.argv[2:]
subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "t", "disk"], check=True)
open("disk/gold", "w").close()
subprocess.run(["mount", "--bind", what, where], check=True)
parent = os.open(".", os.O_RDONLY)
sizes = [status.st_ino for status in beneath.statuses(os.open("tree", os.O_RDONLY))]
assert os.stat("precious/inner/gold").st_ino not in sizes
try:
    beneath.remove_tree(parent, b"tree")
except OSError as error:
    assert error.errno == errno.EBUSY, error
    print(error.strerror)
else:
    print("removed")
assert os.path.exists("precious/inner/gold") and os.path.exists("disk/gold")
print(*(oct(os.stat(path).st_mode & 0o777) for path in ("precious", "precious/inner", "disk")))
# The folder that it is in may have moved up.
with open("/proc/self/mounts") as mounts:
    places = [line.split()[1] for line in mounts]
subprocess.run(["umount", *(place for place in places if place.startswith(f"{os.getcwd()}/tree"))], check=True)
beneath.remove_tree(parent, b"tree")
print(*sorted(os.listdir(".")))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize("where", ["tree/m", "tree/a/b/m", "tree/a/b"])
@pytest.mark.parametrize("what", ["precious", "disk"])
def test_what_is_mounted_in_a_folder_that_is_removed_stays_as_it_is(tmp_path: Path, where: str, what: str) -> None:
    program = ["unshare", "--mount", sys.executable, "-c", _MOUNTED, str(tmp_path), where, what]
    said = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    name = Path(where).name
    assert said == f"something is mounted on {name}; unmount it\n0o755 0o750 0o755\ndisk precious\n"


def test_all_that_is_in_a_folder_is_counted_however_deep(tmp_path: Path) -> None:
    made = 1
    folder = _open(tmp_path)
    for number in range(1500):
        os.mkdir("deeper", dir_fd=folder)
        made += 1
        if number % 500 == 0:
            os.close(os.open("file", os.O_CREAT, dir_fd=folder))
            os.symlink("..", "link", dir_fd=folder)
            os.mkdir("closed", 0, dir_fd=folder)
            made += 3
        inner = os.open("deeper", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    top = _open(tmp_path)
    try:
        assert len(list(beneath.statuses(top))) == made
        beneath.remove_tree(top, b"deeper")
        beneath.remove_tree(top, b"closed")
    finally:
        os.close(top)


def test_a_folder_that_can_be_listed_but_not_entered_hides_nothing_beside_it() -> None:
    folder = Path(tempfile.mkdtemp())
    for name in ("a/a", "a/b", "b", "c"):
        (folder / name).mkdir(parents=True)
    ordinary = 65534
    is_root = os.geteuid() == 0
    if is_root:
        subprocess.run(["chown", "-R", str(ordinary), str(folder)], check=True)
        os.seteuid(ordinary)
    try:
        for closed in ("a/a", "a/b", "b", "c"):
            (folder / closed).chmod(0o600)
            top = _open(folder)
            try:
                assert len(list(beneath.statuses(top))) == 6
            finally:
                os.close(top)
    finally:
        if is_root:
            os.seteuid(0)
    subprocess.run(["chmod", "-R", "u+rwx", str(folder)], check=True)
    shutil.rmtree(folder)


@pytest.mark.parametrize("swapped", ["tree", "inner", "deeper"])
@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_link_that_takes_the_place_of_a_folder_while_it_is_removed_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swapped: str, kind: str
) -> None:
    """As whoever runs as the user of the job can put it there at any moment, while root removes the folder."""
    (tmp_path / "tree" / "inner" / "deeper").mkdir(parents=True)
    victim = tmp_path / "victim"
    if kind == "folder":
        victim.mkdir()
    else:
        victim.touch()
    victim.chmod(0o755)
    unlinked = beneath._unlinked

    def then_swap(folder: int, name: bytes) -> bool:
        done = unlinked(folder, name)
        if name == swapped.encode() and not done:
            os.rename(name, b"elsewhere", src_dir_fd=folder, dst_dir_fd=folder)
            os.symlink(victim, name, dir_fd=folder)
        return done

    monkeypatch.setattr(beneath, "_unlinked", then_swap)
    parent = _open(tmp_path)
    try:
        with pytest.raises(NotADirectoryError):
            beneath.remove_tree(parent, b"tree")
    finally:
        os.close(parent)
    assert stat.S_IMODE(victim.stat().st_mode) == 0o755


def test_an_archive_with_too_many_entries_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree").mkdir()
    for number in range(5):
        (tmp_path / "tree" / str(number)).touch()
    whole = _archive(tmp_path / "tree")
    monkeypatch.setattr(writing, "MOST_ENTRIES", 5)
    with pytest.raises(Refused, match="more than 5 files"):
        _unpack(whole, tmp_path / "copy")
    monkeypatch.setattr(reading, "MOST_ENTRIES", 4)
    with pytest.raises(Refused, match="more than 4 files"):
        _archive(tmp_path / "tree")


def test_folders_that_are_nested_too_deep_are_refused(tmp_path: Path) -> None:
    deep = tmp_path / "tree"
    for _ in range(reading.MOST_DEPTH + 1):
        deep.mkdir()
        deep /= "d"
    with pytest.raises(Refused, match="nested more than 100 deep"):
        _archive(tmp_path / "tree")


def test_a_file_that_the_kernel_makes_up_is_refused_and_not_sent_as_empty() -> None:
    with pytest.raises(Refused, match="/proc/self/status has content but a size of 0"):
        Source(os.open("/proc/self/status", os.O_RDONLY), "/proc/self/status")


@pytest.mark.parametrize("name", ["rx_bytes", ""], ids=["file", "folder"])
def test_a_file_of_the_kernel_that_is_shorter_than_its_size_is_called_that_and_not_changed(name: str) -> None:
    path = Path("/sys/class/net/lo/statistics", name).resolve()
    if not path.exists():
        pytest.skip("sysfs is not mounted here")
    with Source(os.open(path, os.O_RDONLY), str(path)) as source, pytest.raises(Refused) as refused:
        for _ in source.read():
            pass
    assert re.search(
        r"/statistics/\w+ has less content than its size of \d+ bytes, like the kernel's files in /sys; copy it", str(refused.value)
    )


def test_in_a_folder_too_and_an_empty_file_is_one(tmp_path: Path) -> None:
    (tmp_path / "empty").touch(mode=0)
    with Source(os.open(tmp_path, os.O_RDONLY), "folder") as source:
        assert b"empty" in b"".join(source.read())
    with (
        Source(os.open("/proc/sys/kernel/random", os.O_RDONLY), "random") as source,
        pytest.raises(Refused, match="random/boot_id has content"),
    ):
        list(source.read())
