"""What the kernel tells of files is read as inotify(7) says."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

from jobwire.keys.files import inotify


def test_events_of_a_folder_have_names_and_come_in_order(tmp_path: Path) -> None:
    with inotify.Inotify() as watch:
        descriptor = watch.add_watch(tmp_path, inotify.CREATE | inotify.MOVED_TO | inotify.DELETE)
        assert watch.read() == []
        (tmp_path / "a").touch()
        (tmp_path / "a").rename(tmp_path / "name of many letters")
        (tmp_path / "name of many letters").unlink()
        assert watch.read(None) == [
            (descriptor, inotify.CREATE, "a"),
            (descriptor, inotify.MOVED_TO, "name of many letters"),
            (descriptor, inotify.DELETE, "name of many letters"),
        ]
        watch.rm_watch(descriptor)


def test_a_name_need_not_be_text(tmp_path: Path) -> None:
    with inotify.Inotify() as watch:
        watch.add_watch(tmp_path, inotify.CREATE)
        os.close(os.open(os.fsencode(tmp_path) + b"/\xff", os.O_CREAT | os.O_WRONLY))
        assert [os.fsencode(event.name) for event in watch.read(None)] == [b"\xff"]


def test_events_of_a_file_have_no_name_and_a_watch_is_the_same_again(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with inotify.Inotify() as watch:
        descriptor = watch.add_watch(file, inotify.MODIFY)
        assert watch.add_watch(str(file), inotify.MODIFY) == descriptor
        file.write_text("x")
        assert {event.name for event in watch.read(None)} == {""}


def test_the_kernels_no_is_an_error_that_names_the_path(tmp_path: Path) -> None:
    with inotify.Inotify() as watch:
        with pytest.raises(FileNotFoundError, match="none"):
            watch.add_watch(tmp_path / "none", inotify.MODIFY)
        with pytest.raises(OSError, match="Invalid") as caught:
            watch.rm_watch(99)
    assert caught.value.errno == errno.EINVAL


def test_a_wait_ends_without_events_too(tmp_path: Path) -> None:
    with inotify.Inotify() as watch:
        watch.add_watch(tmp_path, inotify.CREATE)
        assert watch.read(1) == []


@pytest.mark.skipif(not Path("/usr/include/x86_64-linux-gnu/sys/inotify.h").exists(), reason="there is no header to compare with")
def test_the_numbers_are_those_of_the_header() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/sys/inotify.h").read_text()
    found = dict(re.findall(r"#define IN_(\w+)\s+(0x[0-9a-f]+)", header))
    for name in ("MODIFY", "ATTRIB", "CLOSE_WRITE", "MOVED_FROM", "MOVED_TO", "CREATE", "DELETE", "MOVE_SELF", "ONLYDIR"):
        assert getattr(inotify, name) == int(found[name], 16)
