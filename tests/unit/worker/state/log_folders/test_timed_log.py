import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.schemas.refusal import Refused
from jobwire.worker.state.log_folders.timed_log import Order, TimedFollower, find_moment
from jobwire.worker.state.log_folders.times_file import Arrival, pack


def written(tmp_path: Path, stdout: bytes, stderr: bytes, *arrivals: Arrival, changed_us: tuple[int, int] = (10**9, 10**9)) -> str:
    for name, data, us in (("stdout", stdout, changed_us[0]), ("stderr", stderr, changed_us[1])):
        (tmp_path / name).write_bytes(data)
        os.utime(tmp_path / name, ns=(0, us * 1000))
    if arrivals:
        (tmp_path / "times").write_bytes(b"".join(map(pack, arrivals)))
    return str(tmp_path)


def read_all(folder: str, starts: tuple[int, int] = (0, 0), most: int = 100) -> list[tuple[str, bytes, int]]:
    follower = TimedFollower(folder, ("stdout", "stderr"), starts, None, lambda: None)
    parts = []
    try:
        while data := follower.read(most):
            for piece in follower.pieces:
                parts.append((piece.stream, data[: piece.size], piece.at_us))
                data = data[piece.size :]
            assert not data
    finally:
        follower.close()
    return parts


def test_both_logs_are_read_in_the_recorded_order(tmp_path: Path) -> None:
    folder = written(tmp_path, b"abcd", b"xy", Arrival(1, 0, 2), Arrival(2, 1, 1), Arrival(3, 0, 3), changed_us=(5, 4))
    assert read_all(folder) == [
        ("stdout", b"ab", 1), ("stderr", b"x", 2), ("stdout", b"c", 3), ("stderr", b"y", 4), ("stdout", b"d", 5),
    ]  # fmt: skip


def test_a_reader_can_begin_anywhere(tmp_path: Path) -> None:
    folder = written(tmp_path, b"abcd", b"xy", Arrival(1, 0, 2), Arrival(2, 1, 1), Arrival(3, 0, 4), changed_us=(3, 5))
    assert read_all(folder, (3, 1)) == [("stdout", b"d", 3), ("stderr", b"y", 5)]


def test_without_records_the_logs_have_the_times_at_which_they_changed(tmp_path: Path) -> None:
    assert read_all(written(tmp_path, b"a", b"x", changed_us=(9, 8))) == [("stderr", b"x", 8), ("stdout", b"a", 9)]


def test_a_time_is_never_before_the_one_before_it(tmp_path: Path) -> None:
    assert read_all(written(tmp_path, b"ab", b"", Arrival(9, 0, 1), changed_us=(3, 3))) == [("stdout", b"ab", 9)]


@pytest.mark.parametrize("name", ["stdout", "times"])
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    folder = written(tmp_path, b"abcd", b"xy")
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name / "entry").mkdir(parents=True)
    with pytest.raises(Refused, match="the log cannot be read: Is a directory"):
        read_all(folder)


def test_records_of_bytes_that_were_lost_are_passed_over(tmp_path: Path) -> None:
    assert read_all(written(tmp_path, b"ab", b"x", Arrival(1, 0, 500), Arrival(2, 1, 1))) == [("stdout", b"ab", 1), ("stderr", b"x", 2)]


def test_what_grows_is_found_and_the_order_of_what_was_recorded_meanwhile_is_kept(tmp_path: Path) -> None:
    folder = written(tmp_path, b"a", b"")
    follower = TimedFollower(folder, ("stdout", "stderr"), (0, 0), None, lambda: None)
    assert follower.read(10) == b"a"
    written(tmp_path, b"abc", b"xy", Arrival(1, 0, 1), Arrival(2, 1, 1), Arrival(3, 0, 3), Arrival(4, 1, 2))
    assert follower.read(10) == b"xbcy"
    assert follower.read(10) == b""
    follower.close()


def test_a_moment_is_found_at_the_beginning_of_a_line(tmp_path: Path) -> None:
    folder = written(tmp_path, b"one\ntwo\n", b"err\n", Arrival(10, 0, 6), Arrival(20, 1, 4), changed_us=(30, 20))
    assert find_moment(folder, 5) == [0, 0]
    assert find_moment(folder, 20) == [4, 0]
    assert find_moment(folder, 25) == [4, 4]
    assert find_moment(folder, 31) == [8, 4]


_WRITES = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 50), st.booleans()), max_size=30)


@given(_WRITES, st.integers(1, 40))
def test_every_byte_comes_once_and_in_the_order_of_its_stream(writes: list[tuple[int, int, bool]], most: int) -> None:
    sizes, arrivals = [0, 0], []
    for at, (stream, size, is_recorded) in enumerate(writes):
        sizes[stream] += size
        if is_recorded:
            arrivals.append(Arrival(at, stream, sizes[stream]))
    left = iter(arrivals)
    order = Order((0, 1), (0, 0), lambda: next(left, None), lambda: [(sizes[0], 99), (sizes[1], 99)])
    taken = [0, 0]
    times = []
    while part := list(order.take(most)):
        assert sum(size for _, size, _ in part) <= most
        for stream, size, at_us in part:
            taken[stream] += size
            times.append(at_us)
    assert taken == sizes
    assert times == sorted(times)
