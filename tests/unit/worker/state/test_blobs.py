"""What members have sent is removed an hour after it was last used, and never because a clock was set."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from jobwire.broker.retention.ages import Ages
from jobwire.broker.store.free_space import Room
from jobwire.schemas.jobs.brought_files import BroughtFile
from jobwire.schemas.refusal import Code, Refused
from jobwire.worker.state.blobs import Blobs, Held

OWNER = b"o" * 32
CONTENT = b"content"
FILE = BroughtFile(b"file", sha256(CONTENT).digest(), len(CONTENT))
DAY_US = 24 * 3600 * 1_000_000


class Machine:
    """Its clocks, and the runs of a worker on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wall_us = 1_800_000_000_000_000
        self.passed_us = 5 * DAY_US
        self.room = Room(folder, 0)
        # As a desk does that has nothing yet.
        self._ages(fresh=True)

    def _ages(self, *, fresh: bool) -> Ages:
        return Ages(self.folder, fresh=fresh, wall_us=lambda: self.wall_us, passed_us=lambda: self.passed_us, boot=lambda: "boot")

    def run(self) -> Blobs:
        return Blobs(self.folder / "blobs", self._ages(fresh=False), self.room)

    def passes(self, us: int) -> None:
        self.wall_us += us
        self.passed_us += us


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


class _Narrow(Room):
    """A disk with space for so many bytes."""

    def shortage(self, more_bytes: int = 0) -> Refused | None:
        return Refused(Code.RESOURCE_EXHAUSTED, "too little") if more_bytes > 10 * len(CONTENT) else None


def _send(blobs: Blobs) -> None:
    receiving = blobs.receive(OWNER, FILE, 1_000_000)
    receiving.write(CONTENT)
    receiving.complete()
    receiving.close()


@pytest.mark.parametrize("jump_us", [-15 * 3600 * 1_000_000, 40 * DAY_US])
@pytest.mark.parametrize("sent_after", [False, True])
def test_a_clock_that_is_set_removes_no_content(machine: Machine, jump_us: int, *, sent_after: bool) -> None:
    blobs = machine.run()
    if not sent_after:
        _send(blobs)
    machine.wall_us += jump_us
    if sent_after:
        _send(blobs)
        machine.wall_us -= jump_us
    machine.passes(60_000_000)
    again = machine.run()
    assert again.find_unused() == []
    assert again.has(OWNER, FILE)


def test_a_content_is_removed_when_an_hour_has_passed_since_it_was_used(machine: Machine) -> None:
    _send(machine.run())
    machine.passes(DAY_US)
    # Used again, by a run that ends then.
    assert machine.run().has(OWNER, FILE)
    machine.passes(3_500_000_000)
    assert machine.run().find_unused() == []
    machine.passes(200_000_000)
    last = machine.run()
    assert last.find_unused() == [Held(OWNER, FILE.digest)]
    assert last.remove(last.find_unused()) == 1
    assert not last.has(OWNER, FILE)


def test_a_clock_that_is_set_removes_no_upload_that_is_under_way(machine: Machine) -> None:
    blobs = machine.run()
    receiving = blobs.receive(OWNER, FILE, 1_000_000)
    receiving.write(CONTENT[:3])
    # Its file has the date of this real machine, which is far from that of the test.
    assert blobs.find_unused() == []
    receiving.write(CONTENT[3:])
    receiving.complete()
    receiving.close()
    assert blobs.has(OWNER, FILE)
    interrupted = blobs.receive(OWNER, BroughtFile(b"", b"x" * 32, 10), 1_000_000)
    interrupted.write(b"12345")
    interrupted.close()
    blobs.find_unused()
    assert [path.name for path in (machine.folder / "blobs" / OWNER.hex()).iterdir()] == [FILE.digest.hex()]


def test_uploads_that_are_under_way_have_their_space_and_what_has_arrived_counts_once(machine: Machine) -> None:
    machine.room = _Narrow(machine.folder, 0)
    blobs = machine.run()
    large = BroughtFile(b"file", b"a" * 32, 6 * len(CONTENT))
    other = BroughtFile(b"file", b"b" * 32, 5 * len(CONTENT))
    first = blobs.receive(OWNER, large, 1_000_000)
    with pytest.raises(Refused, match="too little"):
        blobs.receive(OWNER, other, 1_000_000)
    first.write(CONTENT)
    blobs.receive(OWNER, other, 1_000_000).close()
    first.close()
    # Who was refused or has stopped needs none.
    blobs.receive(OWNER, BroughtFile(b"file", b"c" * 32, 10 * len(CONTENT)), 1_000_000).close()


def test_an_upload_that_cannot_be_looked_at_takes_no_space_from_others(machine: Machine) -> None:
    machine.room = _Narrow(machine.folder, 0)
    blobs = machine.run()
    blobs.receive(OWNER, FILE, 1_000_000).close()
    (part,) = (machine.folder / "blobs" / OWNER.hex()).iterdir()
    part.unlink()
    part.symlink_to(part.name)
    with pytest.raises(Refused, match="symbolic links"):
        blobs.receive(OWNER, FILE, 1_000_000)
    blobs.receive(OWNER, BroughtFile(b"file", b"c" * 32, 10 * len(CONTENT)), 1_000_000).close()
