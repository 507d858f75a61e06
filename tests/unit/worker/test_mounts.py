"""The list of mounts as the kernel writes it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jobwire.worker.mounts import Mount, read_mounts


def listed(tmp_path: Path, text: bytes) -> list[Mount]:
    (tmp_path / "mountinfo").write_bytes(text)
    return read_mounts(str(tmp_path / "mountinfo"))


@pytest.mark.parametrize(
    ("written", "place"),
    [
        (b"/a", b"/a"),
        (rb"/a\040b\011c\012d\043e\134040", rb"/a b|c^d#e\040".replace(b"|", b"\t").replace(b"^", b"\n")),
        (b"/Gr\xfc\xdfe", b"/Gr\xfc\xdfe"),
        (b"/one\rtwo\x0b\x0c\x1c\xc2\x85", b"/one\rtwo\x0b\x0c\x1c\xc2\x85"),
        (b"/-", b"/-"),
    ],
)
def test_names_of_mounts_are_bytes_of_any_kind(tmp_path: Path, written: bytes, place: bytes) -> None:
    lines = b"22 1 0:20 / /proc rw - proc proc rw\n40 1 8:1 %b %b rw,relatime shared:1 master:2 - cgroup2 %b rw,nsdelegate\n"
    assert listed(tmp_path, lines % (written, written, written)) == [
        Mount("0:20", "/", "/proc", "proc", ["rw"]),
        Mount("8:1", os.fsdecode(place), os.fsdecode(place), "cgroup2", ["rw", "nsdelegate"]),
    ]


def test_the_mounts_of_this_machine_are_read() -> None:
    assert "/proc" in {mount.place for mount in read_mounts()}
