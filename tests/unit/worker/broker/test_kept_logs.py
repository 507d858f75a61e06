"""Logs of workers that have left, on the disk of a broker: whole and as they were signed, or not at all, and within a limit."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobwire.broker.fleet.transfers.shelf import Ends
from jobwire.broker.retention.ages import Ages
from jobwire.keys.digests import sha256
from jobwire.keys.proofs.log_hash import BLOCK_BYTES, LEAF, LogTree
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.refusal import Refused
from jobwire.worker.broker.kept_logs import KeptLogs

HOUR_US = 3600 * 1_000_000
DAY_US = 24 * HOUR_US


def key(number: int, attempt: int = 1) -> AttemptKey:
    return AttemptKey(b"o" * 32, bytes([number]) * 16, attempt)


def root(content: bytes) -> bytes:
    tree = LogTree(len(content))
    for at in range(0, len(content), BLOCK_BYTES):
        tree.add(sha256(LEAF + content[at : at + BLOCK_BYTES]))
    return tree.root


class Machine:
    """Its clocks, and the brokers that run on it one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wall_us = 1_800_000_000_000_000
        self.passed_us = 5 * DAY_US
        self.boot = "boot"

    def passes(self, us: int) -> None:
        self.wall_us += us
        self.passed_us += us

    def ages(self, *, fresh: bool = False) -> Ages:
        return Ages(self.folder, fresh=fresh, wall_us=lambda: self.wall_us, passed_us=lambda: self.passed_us, boot=lambda: self.boot)

    def run(self, limit: int = 10_000_000) -> KeptLogs:
        return KeptLogs(self.folder / "logs", limit, 0, asyncio.get_running_loop(), self.ages())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    one = Machine(tmp_path)
    # As a desk does that has nothing yet.
    one.ages(fresh=True)
    return one


async def looked_through(shelf: KeptLogs) -> None:
    """Wait until what was there at the start is found, and what was abandoned removed."""
    await result(lambda then: shelf.begin(key(99), 0, then))
    shelf.drop(key(99))
    shelf.close()


def made(folder: Path, limit: int = 10_000_000) -> KeptLogs:
    return KeptLogs(folder, limit, 0, asyncio.get_running_loop(), Ages(folder / "none", fresh=True))


def inside(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*"))


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o077 for path in folder.rglob("*")}


async def result(call: Callable[[Callable[[Any], None]], None]) -> Any:
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    call(done.set_result)
    return await done


async def keep(shelf: KeptLogs, name: AttemptKey, content: bytes, ends: Ends | None = None) -> str:
    assert await result(lambda then: shelf.begin(name, len(content), then)) == (0, 0)
    for at in range(0, len(content), 7):
        assert await result(lambda then, at=at: shelf.add(name, "stdout", content[at : at + 7], then)) == ""  # type: ignore[misc]
    return str(await result(lambda then: shelf.finish(name, ends or Ends(len(content), 0, root(content)), then)))


async def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    shelf = made(tmp_path)
    assert await keep(shelf, key(1), b"one\ntwo\nthree\n") == ""
    shelf.close()
    shelf = made(tmp_path)
    assert shelf.has(key(1))
    assert not shelf.has(key(1, 2))
    assert shelf.read(key(1), "stdout", 4, 3) == (4, b"two", 14)
    assert shelf.read(key(1), "stderr", 0, 9) == (0, b"", 0)
    assert shelf.tail(key(1), "stdout", 1, 99).data == b"three\n"
    assert modes(tmp_path) == {0}
    shelf.close()


async def test_a_kept_log_that_cannot_be_read_is_refused_and_the_other_one_is_read(tmp_path: Path) -> None:
    """As on a disk that fails: it can be opened, and reading it fails."""
    shelf = made(tmp_path)
    assert await keep(shelf, key(1), b"one\n") == ""
    (kept,) = inside(tmp_path)
    (kept / "stderr" / "entry").mkdir(parents=True)
    reads: list[Callable[[], object]] = [lambda: shelf.read(key(1), "stderr", 0, 9), lambda: shelf.tail(key(1), "stderr", 1, 9)]
    for read in reads:
        with pytest.raises(Refused, match="the log cannot be read: Is a directory"):
            read()
    assert shelf.read(key(1), "stdout", 0, 9).data == b"one\n"
    shelf.close()


async def test_the_loop_waits_for_no_folder_what_is_there_is_found_while_others_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = made(tmp_path)
    for number in (1, 2):
        assert await keep(shelf, key(number), b"1234") == ""
    shelf.close()
    gate, find = threading.Event(), KeptLogs._find

    def slowly(self: KeptLogs) -> dict[AttemptKey, int]:
        found = find(self)
        gate.wait(30)
        return found

    monkeypatch.setattr(KeptLogs, "_find", slowly)
    shelf = made(tmp_path, 10)
    try:
        assert [shelf.has(key(number)) for number in (1, 2, 3)] == [True, True, False]
        assert shelf.read(key(2), "stdout", 0, 9).data == b"1234"
        shelf.drop(key(1))
        assert not shelf.has(key(1))
        # What is forgotten before it can begin needs no room.
        shelf.begin(key(4), 9, lambda _: None)
        shelf.drop(key(4))
        coming = asyncio.ensure_future(keep(shelf, key(3), b"12345678"))
        await asyncio.sleep(0)
        assert not coming.done()
    finally:
        gate.set()
    assert await coming == ""
    # The limit counts what was there before.
    assert [shelf.has(key(number)) for number in (1, 2, 3)] == [False, False, True]
    shelf.close()
    assert [path.name[:2] for path in inside(tmp_path)] == ["03"]


async def test_the_loop_waits_for_no_folder_and_what_is_not_ours_is_left(tmp_path: Path) -> None:
    shelf = made(tmp_path)
    assert await keep(shelf, key(1), b"1234") == ""
    shelf.close()
    stray = inside(tmp_path)[0].parent / f"{b'x'.hex()}-1"
    stray.write_bytes(b"mine")
    shelf = made(tmp_path, 10)
    assert await keep(shelf, key(2), b"123456") == ""
    assert shelf.has(key(1))
    shelf.close()
    assert stray.read_bytes() == b"mine"


async def test_what_is_kept_is_on_the_disk_with_the_folders_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync, synced = os.fsync, list[Path]()

    def note(file: int) -> None:
        synced.append(Path(f"/proc/self/fd/{file}").readlink())
        sync(file)

    monkeypatch.setattr(os, "fsync", note)
    shelf = made(tmp_path / "logs")
    assert await keep(shelf, key(1), b"one\n") == ""
    shelf.close()
    assert synced[-3:] == [tmp_path / "logs" / key(1).owner.hex(), tmp_path / "logs", tmp_path]


async def test_what_was_not_signed_or_is_not_whole_is_not_kept(tmp_path: Path) -> None:
    shelf = made(tmp_path)
    assert await keep(shelf, key(1), b"evil", Ends(4, 0, root(b"good"))) == "stdout does not match what its worker signed"
    assert await keep(shelf, key(2), b"short", Ends(6, 0)) == "stdout has 5 bytes, not 6"
    assert not shelf.has(key(1))
    assert not shelf.has(key(2))
    # Of an older worker, nothing is signed about the bytes.
    assert await keep(shelf, key(3), b"plain", Ends(5, 0)) == ""
    shelf.close()


async def test_what_was_begun_goes_on_where_it_was(tmp_path: Path) -> None:
    shelf = made(tmp_path)
    assert await result(lambda then: shelf.begin(key(1), 6, then)) == (0, 0)
    assert await result(lambda then: shelf.add(key(1), "stdout", b"abc", then)) == ""
    shelf.close()
    shelf = made(tmp_path)
    assert not shelf.has(key(1))
    assert await result(lambda then: shelf.begin(key(1), 6, then)) == (3, 0)
    await result(lambda then: shelf.add(key(1), "stdout", b"def", then))
    assert await result(lambda then: shelf.finish(key(1), Ends(6, 0, root(b"abcdef")), then)) == ""
    shelf.close()


async def begun(machine: Machine) -> Path:
    shelf = machine.run()
    assert await result(lambda then: shelf.begin(key(1), 6, then)) == (0, 0)
    assert await result(lambda then: shelf.add(key(1), "stdout", b"abc", then)) == ""
    shelf.close()
    (part,) = inside(machine.folder / "logs")
    return part


async def test_what_was_begun_long_ago_is_removed_and_what_was_continued_is_not(machine: Machine) -> None:
    part = await begun(machine)
    machine.passes(20 * HOUR_US)
    shelf = machine.run()
    assert await result(lambda then: shelf.begin(key(1), 6, then)) == (3, 0)
    shelf.close()
    machine.passes(20 * HOUR_US)
    await looked_through(machine.run())
    assert part.exists()
    machine.passes(5 * HOUR_US)
    await looked_through(machine.run())
    assert not part.exists()


@pytest.mark.parametrize("jump_us", [-40 * DAY_US, 40 * DAY_US])
@pytest.mark.parametrize("begun_after", [False, True])
async def test_a_clock_that_is_set_removes_nothing_that_is_on_its_way(machine: Machine, jump_us: int, *, begun_after: bool) -> None:
    if begun_after:
        machine.wall_us += jump_us
    part = await begun(machine)
    machine.wall_us += jump_us * (-1 if begun_after else 1)
    machine.passes(HOUR_US)
    await looked_through(machine.run())
    assert part.exists()


async def test_after_a_restart_of_the_machine_nothing_is_removed_before_its_clock_is_believed(machine: Machine) -> None:
    part = await begun(machine)
    machine.boot, machine.passed_us, machine.wall_us = "next", 0, machine.wall_us + 40 * DAY_US
    shelf = machine.run()
    await result(lambda then: shelf.begin(key(99), 0, then))
    shelf.drop(key(99))
    assert part.exists()
    # Its timer, which is due an hour later.
    machine.passes(2 * HOUR_US)
    assert shelf._look_again is not None
    shelf._look_again._run()
    shelf.close()
    assert not part.exists()


async def test_a_clock_that_was_ahead_for_a_time_changes_no_order(machine: Machine) -> None:
    shelf = machine.run(10)
    machine.wall_us += 40 * DAY_US
    assert await keep(shelf, key(1), b"1234") == ""
    machine.wall_us -= 40 * DAY_US
    machine.passes(1_000_000)
    assert await keep(shelf, key(2), b"1234") == ""
    shelf.close()
    shelf = machine.run(10)
    assert await keep(shelf, key(3), b"1234") == ""
    assert [shelf.has(key(number)) for number in (1, 2, 3)] == [False, True, True]
    shelf.close()


async def test_the_oldest_make_room_and_what_is_too_large_is_not_kept(tmp_path: Path) -> None:
    shelf = made(tmp_path, 10)
    for number in (1, 2, 3):
        assert await keep(shelf, key(number), b"1234") == ""
    assert [shelf.has(key(number)) for number in (1, 2, 3)] == [False, True, True]
    assert await result(lambda then: shelf.begin(key(4), 11, then)) is None
    # What is on its way counts.
    assert await result(lambda then: shelf.begin(key(5), 8, then)) == (0, 0)
    assert await result(lambda then: shelf.begin(key(6), 3, then)) is None
    assert not any(shelf.has(key(number)) for number in (1, 2, 3))
    shelf.close()
    assert [path.name[:3] for path in inside(tmp_path)] == [".05"]


async def test_what_is_forgotten_while_it_comes_is_not_kept(tmp_path: Path) -> None:
    shelf = made(tmp_path)
    await result(lambda then: shelf.begin(key(1), 3, then))
    await result(lambda then: shelf.add(key(1), "stdout", b"abc", then))
    done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    shelf.finish(key(1), Ends(3, 0), done.set_result)
    shelf.drop(key(1))
    assert await done == ""
    shelf.close()
    assert not inside(tmp_path)
