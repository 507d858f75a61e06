"""Where a standard input comes from: what is read of it without waiting, and what is none."""

from __future__ import annotations

import errno
import io
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jobwire.client.library.streams.source import DescriptorSource, ObjectSource, source_of


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        # A test may have closed it.
        with suppress(OSError):
            os.close(end)


def test_an_empty_pipe_has_nothing_at_the_moment_and_a_closed_one_has_ended(pipe: tuple[int, int]) -> None:
    source = DescriptorSource(pipe[0])
    assert source.fd == pipe[0]
    assert source.read(100) is None
    os.write(pipe[1], b"one\ntwo\n")
    assert source.read(4) == b"one\n"
    assert source.read(100) == b"two\n"
    assert source.read(100) is None
    os.close(pipe[1])
    assert source.read(100) == b""


def test_more_than_the_last_time_may_be_read_at_once(pipe: tuple[int, int]) -> None:
    source = DescriptorSource(pipe[0])
    os.write(pipe[1], b"x" * 5000)
    assert [len(source.read(size) or b"") for size in (10, 4000, 100_000)] == [10, 4000, 990]


def test_a_file_always_has_something_and_is_read_from_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    with (tmp_path / "file").open("rb") as file:
        os.lseek(file.fileno(), 4, os.SEEK_SET)
        source = DescriptorSource(file.fileno())
        assert source.fd == -1
        assert [source.read(4), source.read(4), source.read(4)] == [b"4567", b"89", b""]


def test_what_was_read_already_comes_first_and_needs_no_waiting(pipe: tuple[int, int]) -> None:
    source = DescriptorSource(pipe[0], b"before")
    assert (source.fd, source.read(3), source.fd) == (-1, b"bef", -1)
    assert source.read(100) == b"ore"
    assert (source.fd, source.read(100)) == (pipe[0], None)


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ESPIPE])
def test_where_reading_without_waiting_is_unknown_it_is_asked_first(
    pipe: tuple[int, int], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "preadv", unknown)
    source = DescriptorSource(pipe[0])
    assert source.read(100) is None
    os.write(pipe[1], b"data")
    assert source.read(100) == b"data"
    os.close(pipe[1])
    assert source.read(100) == b""


def test_another_reader_may_be_faster(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Between poll(2) and read(2) of a non-blocking pipe."""
    os.set_blocking(pipe[0], False)
    source = DescriptorSource(pipe[0])
    assert source._read_ready(100) is None


def test_a_socket_is_read_too() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        source = DescriptorSource(ours.fileno())
        assert source.read(10) is None
        theirs.sendall(b"data")
        assert source.read(10) == b"data"
        theirs.shutdown(socket.SHUT_WR)
        assert source.read(10) == b""


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(IsADirectoryError):
            DescriptorSource(folder).read(10)
    finally:
        os.close(folder)
    with (tmp_path / "file").open("wb") as file, pytest.raises(OSError, match="Bad file descriptor"):
        DescriptorSource(file.fileno()).read(10)


def test_an_object_is_read_and_must_return_bytes() -> None:
    source = ObjectSource(io.BytesIO(b"data"))
    assert (source.fd, source.read(3), source.read(3), source.read(3)) == (-1, b"dat", b"a", b"")
    with pytest.raises(TypeError, match="binary mode; it returned str"):
        ObjectSource(io.StringIO("text")).read(3)  # type: ignore[arg-type] # reason: that is the mistake


def test_what_is_given_as_stdin_is_understood_as_subprocess_does(tmp_path: Path, pipe: tuple[int, int]) -> None:
    (tmp_path / "file").write_bytes(b"data")
    assert source_of(None) is None
    assert source_of(subprocess.DEVNULL) is None
    assert isinstance(source_of(pipe[0]), DescriptorSource)
    assert isinstance(source_of(io.BytesIO()), ObjectSource)
    with (tmp_path / "file").open("rb") as file:
        assert isinstance(source_of(file), DescriptorSource)


@pytest.mark.parametrize("stdin", [subprocess.PIPE, subprocess.STDOUT, -9])
def test_other_numbers_are_no_descriptors(stdin: int) -> None:
    with pytest.raises(ValueError, match="to pass bytes, use input="):
        source_of(stdin)


def test_two_inputs_are_one_too_many_and_a_closed_descriptor_is_none(pipe: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="may not both be used"):
        source_of(pipe[0], has_input=True)
    os.close(pipe[1])
    with pytest.raises(OSError, match="Bad file descriptor"):
        source_of(pipe[1])
