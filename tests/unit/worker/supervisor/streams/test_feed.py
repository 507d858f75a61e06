"""The standard input of a job that arrives as a stream, with real files in memory and pipes, without a job."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator

import pytest

from jobwire.worker.supervisor.loop import Loop
from jobwire.worker.supervisor.streams.feed import Ends, Feed, create, was_cut

MIB = 1024 * 1024


class Owner:
    def __init__(self) -> None:
        self.given = 0
        self.cut: list[str] = []
        self.over: list[str] = []

    def input_given(self) -> None:
        self.given += 1

    def input_cut(self, why: str) -> None:
        self.cut.append(why)

    def input_over(self, why: str) -> None:
        self.over.append(why)


class House:
    """A feed, and a job's end of its pipe."""

    def __init__(self) -> None:
        self.loop, self.owner = Loop(), Owner()
        ends, self.read_end = create()
        # As the worker and the keeper hold them.
        self.held = Ends(os.dup(ends.memory), os.dup(ends.pipe))
        self.feed = Feed(self.loop, ends, 1000, self.owner)
        self.feed.begin()
        os.set_blocking(self.read_end, False)
        self.arrived = 0

    def arrive(self, data: bytes, *, end: bool = False) -> None:
        self.arrived += os.pwrite(self.held.memory, data, self.arrived)
        if end:
            fcntl.fcntl(self.held.memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
        self.feed.move()

    def read(self) -> bytes:
        data = b""
        while True:
            try:
                part = os.read(self.read_end, MIB)
            except BlockingIOError:
                if os.fstat(self.held.memory).st_size == os.lseek(self.held.memory, 0, os.SEEK_CUR) or not self.feed.is_open:
                    return data
                self.feed.move()
                continue
            if not part:
                return data
            data += part

    def close(self) -> None:
        self.feed.close()
        for fd in (*self.held, self.read_end):
            if fd >= 0:
                os.close(fd)


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.close()


def pieces(number: int) -> bytes:
    return bytes([number]) * (MIB // 2) + os.urandom(MIB // 2)


def test_what_arrives_is_given_and_what_was_read_is_freed(house: House) -> None:
    for number in range(12):
        data = pieces(number)
        house.arrive(data)
        assert house.read() == data
    assert house.owner.given == 12
    # Blocks of 512 bytes: less than two pieces of the twelve are left.
    assert os.fstat(house.held.memory).st_blocks * 512 <= 4 * MIB


def test_the_bytes_in_the_pipe_are_not_changed_when_what_is_before_them_is_freed(house: House) -> None:
    data = b"".join(pieces(number) for number in range(4))
    house.arrive(data)
    read = b""
    while len(read) < 3 * MIB:
        # So that the job has read a part of a page.
        read += os.read(house.read_end, 12_345)
        house.feed.move()
    assert read + house.read() == data


def test_without_splice_the_same_bytes_are_given(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> int:
        raise OSError(errno.EINVAL, "no splice")

    monkeypatch.setattr(os, "splice", refused)
    for number in range(4):
        data = pieces(number)
        house.arrive(data)
        assert house.read() == data
    assert house.owner.given == 4
    house.arrive(b"all", end=True)
    assert (house.read(), house.owner.over) == (b"all", [""])


def test_without_splice_a_job_that_closes_its_input_is_noticed(house: House) -> None:
    house.feed._splices = False
    os.close(house.read_end)
    house.read_end = -1
    house.arrive(b"data")
    assert house.owner.over == ["the job has closed its standard input"]


def test_another_failure_of_splice_is_none_of_these(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(*_: object, **__: object) -> int:
        raise OSError(errno.ENOMEM, "no memory")

    monkeypatch.setattr(os, "splice", failed)
    with pytest.raises(OSError, match="no memory"):
        house.arrive(b"data")


def test_the_end_is_found_after_the_last_byte_once_everybody_has_closed_the_pipe(house: House) -> None:
    house.arrive(b"all", end=True)
    assert house.owner.over == [""]
    os.close(house.held.pipe)
    house.held = house.held._replace(pipe=-1)
    assert house.read() == b"all"
    assert os.read(house.read_end, 1) == b""
    assert not was_cut(house.held.memory)


def test_another_process_goes_on_at_the_same_byte(house: House) -> None:
    data = pieces(1)
    house.arrive(data)
    first = os.read(house.read_end, 10_000)
    # The supervisor is killed, and the next one gets what the keeper holds.
    owner = Owner()
    feed = Feed(house.loop, Ends(os.dup(house.held.memory), os.dup(house.held.pipe)), 1000, owner)
    house.feed, before = feed, house.feed
    before._loop.unwatch(before._pipe)
    feed.begin()
    assert first + house.read() == data


def test_a_job_that_closes_its_end_is_noticed_without_a_byte(house: House) -> None:
    os.close(house.read_end)
    house.read_end = -1
    house.loop.before_sleep(lambda: house.loop.end() if house.owner.over else None)
    house.loop.run()
    assert house.owner.over == ["the job has closed its standard input"]


def test_without_a_feeder_the_input_is_cut_off_and_that_can_be_seen(house: House) -> None:
    house.arrive(b"half")
    house.feed.attach()
    house.feed.wait(0)
    house.feed.detach()
    house.loop.before_sleep(lambda: house.loop.end() if house.owner.over else None)
    house.loop.run()
    assert house.owner.cut == ["no client sent its standard input for 0 s, so it was closed after 4 bytes"]
    assert was_cut(house.held.memory)
    with pytest.raises(PermissionError):
        os.pwrite(house.held.memory, b"more", 4)
    assert house.read() == b"half"


def test_an_input_that_is_wrong_ends_after_what_has_arrived(house: House) -> None:
    house.arrive(b"wrong")
    house.feed.attach()
    house.feed.cut("somebody has altered it")
    assert house.owner.cut == ["somebody has altered it"]
    assert house.owner.over == [""]
    assert was_cut(house.held.memory)
    assert house.read() == b"wrong"
    # It is over: nothing else is said about it.
    house.feed.cut("again")
    assert house.owner.cut == ["somebody has altered it"]


def test_a_feeder_that_has_sent_everything_may_go(house: House) -> None:
    # More than the pipe takes.
    house.arrive(pieces(1), end=True)
    house.feed.wait(0)
    house.feed.detach()
    assert house.feed._timer is None
    assert (house.owner.cut, house.feed.is_open) == ([], True)
