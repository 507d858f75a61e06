"""Reading logs: real files, real inotify; waits are on the descriptor that the loop would watch."""

from __future__ import annotations

import os
import select
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from processes import own_descriptors

from jobwire.broker.engine import LogPart, LogReader
from jobwire.schemas.refusal import Code, Refused
from jobwire.worker.state.log_folders import logs

DEADLINE_SECONDS = 60


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "running").mkdir()
    path = tmp_path / "running" / "stdout"
    path.write_bytes(b"one\ntwo\n")
    return path


@pytest.fixture
def growth() -> Iterator[logs.Growth]:
    made = logs.Growth()
    yield made
    made.close()


def wait(growth: logs.Growth) -> None:
    readable, _, _ = select.select([growth.fileno()], [], [], DEADLINE_SECONDS)
    assert readable, "no growth was told"
    growth.drain()


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_a_range_is_cut_at_the_end(log: Path) -> None:
    assert logs.read_range(log, 0, 3) == LogPart(0, b"one", 8)
    assert logs.read_range(str(log), 4, 100) == LogPart(4, b"two\n", 8)
    assert logs.read_range(log, 8, 100) == LogPart(8, b"", 8)
    assert logs.read_range(log, 3, 0) == LogPart(3, b"", 8)


def test_a_range_behind_the_end_is_empty_however_far(log: Path) -> None:
    assert logs.read_range(log, 2**64 - 1, 10) == LogPart(2**64 - 1, b"", 8)


@pytest.mark.parametrize("read", [lambda path: logs.read_range(path, 0, 1), lambda path: logs.tail(path, 1, 1)])
def test_a_log_that_is_not_there_is_not_found(tmp_path: Path, read: object) -> None:
    with pytest.raises(Refused) as refused:
        read(tmp_path / "none")  # type: ignore[operator]
    assert refused.value.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("content", "lines", "last"),
    [
        (b"", 3, b""),
        (b"\n", 1, b"\n"),
        (b"\n\n", 1, b"\n"),
        (b"a", 1, b"a"),
        (b"a\nb", 1, b"b"),
        (b"a\nb\n", 1, b"b\n"),
        (b"a\nb\n", 2, b"a\nb\n"),
        (b"a\nb\n", 9, b"a\nb\n"),
        (b"a\nb\n", 0, b""),
        (b"a\n\xff\x00\r\n", 1, b"\xff\x00\r\n"),
    ],
)
def test_a_tail_is_the_last_lines_as_bytes(tmp_path: Path, content: bytes, lines: int, last: bytes) -> None:
    path = tmp_path / "stdout"
    path.write_bytes(content)
    assert logs.tail(path, lines, 1000) == LogPart(len(content) - len(last), last, len(content))


@given(st.binary(max_size=60) | st.lists(st.sampled_from([b"\n", b"a"]), max_size=60).map(b"".join), st.integers(0, 8), st.integers(0, 70))
def test_any_tail_is_what_splitting_lines_gives(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, lines: int, most_bytes: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any log"
    path.write_bytes(content)
    pieces = content.split(b"\n")
    whole = [piece + b"\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
    expected = b"".join(whole[-lines:] if lines else [])
    expected = expected[-most_bytes:] if most_bytes else b""
    assert logs.tail(path, lines, most_bytes) == LogPart(len(content) - len(expected), expected, len(content))
    assert logs.tail_of(content, lines, most_bytes) == logs.tail(path, lines, most_bytes)


@given(st.binary(max_size=60), st.integers(0, 70) | st.integers(0, 2**64 - 1), st.integers(0, 2**20))
def test_any_range_is_what_slicing_gives(tmp_path_factory: pytest.TempPathFactory, content: bytes, start: int, length: int) -> None:
    path = tmp_path_factory.getbasetemp() / "any range"
    path.write_bytes(content)
    assert logs.read_range(path, start, length) == LogPart(start, content[start : start + length], len(content))


@given(
    st.lists(st.tuples(st.sampled_from([b"\n", b"a", b"\r\n", b"\0"]), st.integers(1, 9000)), max_size=6),
    st.integers(0, 5),
    st.integers(0, 40_000),
)
def test_any_tail_over_many_windows_is_what_splitting_lines_gives(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[bytes, int]], lines: int, most_bytes: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any long log"
    content = b"".join(piece * times for piece, times in pieces)
    path.write_bytes(content)
    split = content.split(b"\n")
    whole = [piece + b"\n" for piece in split[:-1]] + ([split[-1]] if split[-1] else [])
    expected = b"".join(whole[-lines:] if lines else [])
    expected = expected[-most_bytes:] if most_bytes else b""
    assert logs.tail(path, lines, most_bytes) == LogPart(len(content) - len(expected), expected, len(content))
    assert logs.tail_of(content, lines, most_bytes) == logs.tail(path, lines, most_bytes)


@pytest.mark.parametrize("length", [4095, 4096, 4097, 40_000])
def test_a_tail_of_lines_longer_than_a_window_is_whole(tmp_path: Path, length: int) -> None:
    path = tmp_path / "stdout"
    lines = [bytes([65 + number]) * length + b"\n" for number in range(5)]
    path.write_bytes(b"".join(lines))
    for count in range(1, 7):
        assert logs.tail(path, count, 10**6).data == b"".join(lines[-count:])


def test_a_line_of_a_gigabyte_costs_what_was_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "stdout"
    with path.open("wb") as file:
        file.truncate(2**30)
    read = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, length, at: read.append(length) or pread(fd, length, at))
    part = logs.tail(path, 10, 65_536)
    assert part == LogPart(2**30 - 65_536, bytes(65_536), 2**30)
    assert sum(read) < 2 * 65_536


def test_a_follower_reads_on_as_the_log_grows(log: Path, growth: logs.Growth) -> None:
    told: list[str] = []
    follower: LogReader = logs.Follower(log, 4, growth, lambda: told.append("more"))
    assert follower.read(3) == b"two"
    assert follower.read(100) == b"\n"
    assert follower.read(100) == b""
    append(log, b"three\n")
    wait(growth)
    assert told == ["more"]
    assert follower.read(100) == b"three\n"
    follower.close()


def test_a_follower_may_be_closed_after_the_growth_that_it_watched(log: Path) -> None:
    """Peers and their streams end after the engine, when a daemon ends."""
    growth = logs.Growth()
    follower = logs.Follower(log, 8, growth, lambda: None)
    growth.close()
    follower.close()


def test_a_follower_reads_on_when_the_folder_was_renamed(log: Path, growth: logs.Growth) -> None:
    told: list[str] = []
    follower = logs.Follower(log, 8, growth, lambda: told.append("more"))
    with log.open("ab", buffering=0) as writer:
        ended = log.parent.rename(log.parent.with_name("ended"))
        writer.write(b"a")
        wait(growth)
        (ended / "stdout").unlink()
        writer.write(b"b")
        wait(growth)
    assert told == ["more", "more"]
    assert follower.read(100) == b"ab"
    follower.close()


def test_a_watch_begun_after_the_rename_is_on_the_opened_file(log: Path, growth: logs.Growth, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = growth.watch

    def rename_first(path: str, callback: object) -> object:
        log.parent.rename(log.parent.with_name("ended"))
        return watch(path, callback)  # type: ignore[arg-type]

    monkeypatch.setattr(growth, "watch", rename_first)
    told: list[str] = []
    follower = logs.Follower(log, 8, growth, lambda: told.append("more"))
    append(log.parent.with_name("ended") / "stdout", b"a")
    wait(growth)
    assert told == ["more"]
    follower.close()


def test_what_is_spliced_into_a_log_is_reported(log: Path, growth: logs.Growth) -> None:
    told: list[str] = []
    follower = logs.Follower(log, 8, growth, lambda: told.append("more"))
    read_end, write_end = os.pipe()
    fd = os.open(log, os.O_WRONLY)
    try:
        os.lseek(fd, 0, os.SEEK_END)
        os.write(write_end, b"spliced")
        os.splice(read_end, fd, 100)
    finally:
        for each in (read_end, write_end, fd):
            os.close(each)
    wait(growth)
    assert told == ["more"]
    assert follower.read(100) == b"spliced"
    follower.close()


def test_followers_of_one_file_share_a_watch_and_end_one_by_one(log: Path, growth: logs.Growth) -> None:
    told: list[int] = []
    followers = [logs.Follower(log, 8, growth, lambda number=number: told.append(number)) for number in range(3)]  # type: ignore[misc]
    assert watches(growth) == 1
    append(log, b"a")
    wait(growth)
    assert told == [0, 1, 2]
    followers[1].close()
    append(log, b"b")
    wait(growth)
    assert told == [0, 1, 2, 0, 2]
    assert followers[2].read(10) == b"ab"
    for follower in followers:
        follower.close()
    assert watches(growth) == 0


def watches(growth: logs.Growth) -> int:
    return Path(f"/proc/self/fdinfo/{growth.fileno()}").read_text().count("inotify wd:")


def test_growth_between_two_drains_is_reported_once_to_each_follower(log: Path, growth: logs.Growth) -> None:
    other = log.with_name("stderr")
    other.write_bytes(b"")
    told: list[str] = []
    one = logs.Follower(log, 8, growth, lambda: told.append("stdout"))
    two = logs.Follower(other, 0, growth, lambda: told.append("stderr"))
    for _ in range(50):
        append(log, b"a")
        append(other, b"a")
    wait(growth)
    assert sorted(told) == ["stderr", "stdout"]
    growth.drain()
    assert len(told) == 2
    one.close()
    two.close()


def test_growth_is_not_reported_to_a_follower_that_has_ended(log: Path, growth: logs.Growth) -> None:
    told: list[str] = []
    follower = logs.Follower(log, 8, growth, lambda: told.append("more"))
    append(log, b"a")
    follower.close()
    follower.close()
    growth.drain()
    again = logs.Follower(log, 8, growth, lambda: told.append("again"))
    growth.drain()
    assert told == []
    again.close()


def test_a_callback_may_end_another_follower(log: Path, growth: logs.Growth) -> None:
    followers: list[logs.Follower] = []
    told: list[str] = []

    def end_both() -> None:
        told.append("more")
        for follower in followers:
            follower.close()

    followers += [logs.Follower(log, 8, growth, end_both) for _ in range(2)]
    append(log, b"a")
    wait(growth)
    assert told == ["more"]


def test_when_the_kernel_lost_events_every_follower_is_notified(log: Path, growth: logs.Growth) -> None:
    other = log.with_name("stderr")
    other.write_bytes(b"")
    told: list[str] = []
    followers = [
        logs.Follower(log, 8, growth, lambda: told.append("stdout")),
        logs.Follower(other, 0, growth, lambda: told.append("stderr")),
    ]
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if most > 100_000:
        pytest.skip("the queue of this machine is too long to fill")
    # Two files by turns: the kernel joins equal events only when they follow each other.
    with log.open("ab", buffering=0) as one, other.open("ab", buffering=0) as two:
        for _ in range(most // 2 + 1):
            one.write(b"a")
            two.write(b"a")
    while select.select([growth.fileno()], [], [], 0)[0]:
        told.clear()
        growth.drain()
    assert sorted(told) == ["stderr", "stdout"]
    for follower in followers:
        follower.close()


def test_a_follower_from_behind_the_end_is_refused_and_leaves_nothing(log: Path, growth: logs.Growth) -> None:
    opened = own_descriptors()
    with pytest.raises(Refused) as refused:
        logs.Follower(log, 9, growth, lambda: None)
    assert refused.value.code is Code.OUT_OF_RANGE
    with pytest.raises(Refused):
        logs.Follower(log.with_name("none"), 0, growth, lambda: None)
    assert own_descriptors() == opened


def test_a_watch_that_the_kernel_refuses_is_reported_with_a_message(
    log: Path, growth: logs.Growth, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object, callback: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(growth, "watch", refuse)
    opened = own_descriptors()
    with pytest.raises(Refused, match="max_user_watches") as refused:
        logs.Follower(log, 0, growth, lambda: None)
    assert refused.value.code is Code.RESOURCE_EXHAUSTED
    assert own_descriptors() == opened


@pytest.mark.parametrize("kind", ["symbolic link", "fifo", "socket", "device"])
def test_what_a_job_put_in_the_place_of_its_log_is_neither_read_nor_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "stdout"
    (tmp_path / "secret").write_bytes(b"secret")
    match kind:
        case "symbolic link":
            path.symlink_to(tmp_path / "secret")
        case "fifo":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as one:
                one.bind(str(path))
        case _:
            try:
                os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
            except PermissionError:
                pytest.skip("only root makes devices")
    said = (
        f"the log stdout was replaced: {'a symbolic link' if kind == 'symbolic link' else 'something that is not a file'} is in its place"
    )
    for read in (lambda: logs.read_range(path, 0, 10), lambda: logs.tail(path, 1, 10), lambda: logs.Follower(path, 0, None, print)):
        with pytest.raises(Refused, match=said) as refused:
            read()
        assert refused.value.code is Code.FAILED_PRECONDITION
    assert not logs.read_range(os.devnull, 0, 10).data


def test_a_log_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    # It can be opened, has a size, and read(2) fails, as on a disk that fails.
    path = tmp_path / "stdout"
    path.mkdir()
    (path / "entry").touch()
    readers: list[Callable[[], object]] = [
        lambda: logs.read_range(path, 0, 10),
        lambda: logs.tail(path, 1, 10),
        lambda: logs.Follower(path, 0, None, print).read(10),
    ]
    for read in readers:
        with pytest.raises(Refused, match="the log cannot be read: Is a directory") as refused:
            read()
        assert refused.value.code is Code.INTERNAL
