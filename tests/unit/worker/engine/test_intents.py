import asyncio
import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from jobwire.broker.engine import Delayed, Ended, Fact, Launch
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import OutcomeKind
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.engine.intents import Intent, Intents
from jobwire.worker.state import small_files
from jobwire.worker.state.log_folders import folders, new_folders

FIRST, SECOND = (Launch(AttemptKey(bytes(32), bytes([number]) * 16, 1), JobSpec((b"true",))) for number in (1, 2))


class House:
    """Intents on a disk that is full when the test sets it so."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error = 0
        self.written: list[str] = []
        self.facts: list[Fact] = []
        self.came = asyncio.Event()
        write = new_folders.write_intent

        def limited(logs: str, launch: Launch, *, directory: bytes, grace_ms: int) -> bytes:
            if self.error:
                raise OSError(self.error, "no")
            return write(logs, launch, directory=directory, grace_ms=grace_ms)

        monkeypatch.setattr(new_folders, "write_intent", limited)
        monkeypatch.setattr(small_files, "RETRY_SECONDS", 0.01)
        self.intents = Intents(str(tmp_path), b"/", asyncio.get_running_loop(), self.start, self.tell)

    def start(self, written: Sequence[Intent]) -> None:
        self.written += [folders.handle(launch.key) for launch, _ in written]
        if written:
            self.came.set()

    def tell(self, facts: Sequence[Fact]) -> None:
        self.facts += facts
        self.came.set()

    async def until_it_comes(self) -> None:
        await asyncio.wait_for(self.came.wait(), 60)
        self.came.clear()


async def test_an_intent_waits_for_room_and_is_reported_to_wait_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path, monkeypatch)
    house.error = errno.ENOSPC
    house.intents.write([FIRST])
    await house.until_it_comes()
    house.intents.write([FIRST])
    assert house.facts == [Delayed(FIRST.key, "the disk of its logs is full or read-only")]
    house.error = 0
    await house.until_it_comes()
    assert house.written == [folders.handle(FIRST.key)]
    assert len(house.facts) == 1
    house.intents.close()


async def test_an_intent_that_waits_can_be_withdrawn_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path, monkeypatch)
    house.error = errno.EDQUOT
    house.intents.write([FIRST, SECOND])
    (tmp_path / f".new-{folders.handle(FIRST.key)}").mkdir()
    assert house.intents.withdraw(FIRST.key)
    assert not house.intents.withdraw(FIRST.key)
    house.error = 0
    await house.until_it_comes()
    *_, end = house.facts
    assert isinstance(end, Ended)
    assert (end.key, end.pid, end.outcome.kind) == (FIRST.key, 0, OutcomeKind.CANCELLED)
    while not house.written:
        await house.until_it_comes()
    assert house.written == [folders.handle(SECOND.key)]
    assert os.listdir(tmp_path) == [f".new-{folders.handle(SECOND.key)}"]  # noqa: PTH208 -- pathlib must not be used in a coroutine
    house.intents.close()


async def test_what_cannot_be_written_for_another_reason_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path, monkeypatch)
    house.error = errno.EACCES
    house.intents.write([FIRST])
    await house.until_it_comes()
    (end,) = house.facts
    assert isinstance(end, Ended)
    assert (end.outcome.kind, end.outcome.exit_status) == (OutcomeKind.FAILED_TO_START, 125)
