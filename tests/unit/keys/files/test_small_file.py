"""What was put in the place of a small file of ours neither blocks nor fills the memory."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import own_descriptors

from jobwire.client.config import contexts_file
from jobwire.keys import identity
from jobwire.keys.files.small_file import LARGEST, read_small
from jobwire.worker.state.small_files import read_file

ODD: dict[str, Callable[[Path], object]] = {
    "a FIFO": os.mkfifo,
    "a device without end": lambda path: path.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "much too large": lambda path: path.write_bytes(bytes(LARGEST + 1)),
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_what_is_no_small_file_is_not_read(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "file")
    with pytest.raises(OSError, match="file"):
        read_small(tmp_path / "file")


def test_a_small_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * LARGEST)
    (tmp_path / "link").symlink_to("file")
    assert len(read_small(tmp_path / "link")) == LARGEST


def test_the_supervisor_neither_waits_for_a_fifo_nor_reads_without_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert read_file(str(tmp_path / "fifo")) == b""
    with pytest.raises(OSError, match="File too large"):
        read_file("/dev/zero")


def test_a_file_system_that_gives_less_at_a_time_cuts_nothing_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = os.read
    monkeypatch.setattr(os, "read", lambda fd, size: read(fd, min(size, 7)))
    (tmp_path / "file").write_bytes(bytes(range(100)))
    assert read_small(tmp_path / "file") == bytes(range(100))


@pytest.mark.parametrize("what", ["a small file", "an identity", "the contexts"])
def test_a_program_that_goes_on_after_an_interruption_keeps_no_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path))
    identity.save(identity.generate(), tmp_path / "identity")
    (tmp_path / "contexts.toml").touch(0o600)
    read = {
        "a small file": lambda: read_small(tmp_path / "contexts.toml"),
        "an identity": lambda: identity.load(tmp_path / "identity"),
        "the contexts": contexts_file.read,
    }[what]
    really_open = os.open

    def open_interrupted(path: str, flags: int, *mode: int) -> int:
        fd = really_open(path, flags, *mode)
        signal.raise_signal(signal.SIGINT)
        return fd

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    read()
    descriptors = own_descriptors()
    try:
        monkeypatch.setattr(os, "open", open_interrupted)
        with pytest.raises(KeyboardInterrupt):
            read()
    finally:
        signal.signal(signal.SIGINT, before)
    assert own_descriptors() == descriptors
