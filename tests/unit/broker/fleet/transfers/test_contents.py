"""Files of jobs through a broker: what a worker lacks is sent once, wherever the link is cut, and before the job starts."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from broker_house import BrokerSide, Wire, WorkerSide, signed_start
from desk_house import DepotDouble, UploadDouble

from jobwire.broker.depot import Sender
from jobwire.keys.identity import Identity, generate
from jobwire.schemas.frames import LARGEST_FEED_WINDOW, refusal_from
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.jobs.brought_files import BroughtFile
from jobwire.schemas.jobs.states import OutcomeKind
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.refusal import Code, Refused

CLIENT: Identity = generate()
WHOLE = bytes(range(256)) * 5000
DIGEST = hashlib.sha256(WHOLE).digest()
FILE = BroughtFile(b"data", DIGEST, len(WHOLE))


class TakingDepot(DepotDouble):
    """Takes contents, each of them up to a window; what has arrived outlives a lost link."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived: dict[bytes, bytearray] = {}
        self.messages = 0

    def put(self, owner: bytes, file: BroughtFile, limit_bytes: int, sender: Sender, token: bytes = b"") -> _Taking:
        return _Taking(self, owner, file, sender)


class _Taking:
    def __init__(self, depot: TakingDepot, owner: bytes, file: BroughtFile, sender: Sender) -> None:
        self._depot, self._owner, self._file, self._sender = depot, owner, file, sender
        self._held = depot.arrived.setdefault(file.digest, bytearray())
        asyncio.get_running_loop().call_soon(sender.advance)

    @property
    def reached(self) -> int:
        return len(self._held)

    @property
    def limit(self) -> int:
        return min(self._file.size, len(self._held) + LARGEST_FEED_WINDOW)

    def write(self, data: memoryview) -> None:
        self._held += data
        self._depot.messages += 1
        if len(self._held) < self._file.size:
            asyncio.get_running_loop().call_soon(self._sender.advance)
            return
        if hashlib.sha256(self._held).digest() == self._file.digest:
            self._depot.contents.add((self._owner, self._file.digest))
            asyncio.get_running_loop().call_soon(self._sender.stored)
        else:
            asyncio.get_running_loop().call_soon(self._sender.refuse, Refused(Code.INVALID_ARGUMENT, "it has another SHA-256"))

    def leave(self, sender: Sender) -> None: ...


class Lab:
    def __init__(self, folder: Path) -> None:
        self.broker = BrokerSide(folder / "broker")
        self.depot = TakingDepot()
        self.worker = WorkerSide(folder / "worker", self.broker.identity.public, depot=self.depot)
        self.wire = Wire(self.broker, self.worker)
        self.broker.contents.bytes_of[DIGEST] = WHOLE

    async def submit(self, *numbers: int) -> None:
        await self.broker.accept(CLIENT, signed_start(CLIENT, self.broker.identity.public, *numbers, files=(FILE,)))

    @property
    def has_arrived(self) -> bool:
        return hashlib.sha256(self.depot.arrived[DIGEST]).digest() == DIGEST

    async def over(self) -> None:
        for _ in range(10):
            await self.broker.durable()


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    yield made
    for house in (made.broker.house, made.worker.house):
        house.close()


def key(number: int) -> AttemptKey:
    return AttemptKey(CLIENT.public, bytes([number]) * 16, 1)


async def test_a_job_starts_when_its_worker_has_its_files_which_are_sent_once(lab: Lab) -> None:
    lab.wire.up()
    await lab.submit(1, 2)
    await lab.over()
    assert lab.has_arrived
    assert sorted(lab.worker.started) == [key(1), key(2)]
    sent = lab.depot.messages
    await lab.submit(3)
    await lab.over()
    assert lab.depot.messages == sent, "it was there already"


@pytest.mark.parametrize("arrive", range(3, 10))
async def test_a_content_goes_on_where_it_was_when_the_link_was_cut(lab: Lab, arrive: int) -> None:
    lab.wire.up()
    await lab.broker.durable()
    lab.wire.arrive = arrive - 2
    await lab.submit(1)
    await lab.over()
    lab.wire.cut()
    before = len(lab.depot.arrived.get(DIGEST, b""))
    lab.wire.up()
    await lab.over()
    assert lab.has_arrived
    assert lab.worker.started == [key(1)]
    assert before in range(len(WHOLE) + 1)


async def test_a_content_that_the_broker_has_altered_runs_nothing(lab: Lab) -> None:
    lab.broker.contents.bytes_of[DIGEST] = b"evil" + WHOLE[4:]
    lab.wire.up()
    await lab.submit(1)
    await lab.over()
    assert lab.worker.started == []
    outcome = lab.broker.outcome(CLIENT, 1)
    assert outcome is not None
    assert "another SHA-256" in outcome.sentence


async def test_after_a_restart_of_the_broker_files_are_sent_too(lab: Lab) -> None:
    lab.wire.up()
    await lab.broker.durable()
    lab.wire.arrive = 3
    await lab.submit(1)
    await lab.over()
    lab.wire.cut()
    await lab.broker.restart()
    lab.wire.up()
    await lab.over()
    assert lab.worker.started == [key(1)]


async def test_a_broker_that_may_not_vouch_sends_files_for_members_only(tmp_path: Path) -> None:
    broker: Identity = generate()
    worker = WorkerSide(tmp_path / "worker", broker.public, vouch="")
    put: Any = request_pb2.RelayPut(owner=CLIENT.public, digest=DIGEST, size=FILE.size)
    answer = await worker.ask(broker.public, relay_put=put)
    assert refusal_from(answer.refusal).code is Code.PERMISSION_DENIED
    worker.house.close()


async def test_a_job_that_is_stopped_while_its_files_are_sent_never_starts(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab.depot, "put", lambda *_: UploadDouble())
    lab.wire.up()
    await lab.submit(1)
    await lab.over()
    assert "files are being sent" in lab.broker.waits_for(CLIENT, 1)
    lab.broker.engine.end(key(1), 15, 0)
    await lab.over()
    outcome = lab.broker.outcome(CLIENT, 1)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.CANCELLED
    assert lab.worker.started == []
