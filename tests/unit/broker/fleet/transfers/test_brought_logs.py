"""A worker that leaves with its allocation: what its jobs wrote is at the broker before it may forget them, whatever happens in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from broker_house import BrokerSide, Wire, WorkerSide, settle, signed_start, started

from jobwire.broker.engine import Ended, Hashed
from jobwire.broker.fleet.transfers.logs import PassedLog
from jobwire.broker.retention.ages import Ages
from jobwire.keys.digests import sha256
from jobwire.keys.identity import generate
from jobwire.keys.proofs.log_hash import BLOCK_BYTES, LEAF, LogTree
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.refusal import Refused
from jobwire.worker.broker.kept_logs import KeptLogs

CONTENT = bytes(range(256)) * 10_000


def tree(content: bytes) -> LogTree:
    made = LogTree(len(content))
    for at in range(0, len(content), BLOCK_BYTES):
        made.add(sha256(LEAF + content[at : at + BLOCK_BYTES]))
    return made


class Lab:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = generate()
        self.broker = BrokerSide(folder / "broker")
        self.worker = WorkerSide(folder / "worker", self.broker.identity.public)
        self.wire = Wire(self.broker, self.worker)
        self.name = AttemptKey(self.client.public, bytes([1]) * 16, 1)
        self.shelf = self.open()

    def open(self) -> KeptLogs:
        loop = self.broker.engine._loop
        self.shelf = self.broker.engine.brought.shelf = KeptLogs(self.folder / "logs", 100_000_000, 0, loop, Ages(self.folder, fresh=True))
        return self.shelf

    def up(self, *, ends: bool = True) -> None:
        self.wire.up()
        self.broker.engine.workers.get(self.worker.identity.public).ends_at = 1e12 if ends else None

    async def run(self, stdout: bytes = CONTENT, *, ends: bool = True, cut_after: int | None = None, **fields: object) -> None:
        """Run a job. `cut_after`: how many messages reach the worker from its end on."""
        self.worker.engine.logs[self.name, "stdout"] = stdout
        self.up(ends=ends)
        await self.broker.durable()
        await self.broker.accept(self.client, signed_start(self.client, self.broker.identity.public, 1))
        await self.worker.happen(started(self.name))
        self.wire.arrive = cut_after
        said = {"kind": OutcomeKind.EXITED, "stdout_bytes": len(CONTENT), "stdout_root": tree(CONTENT).root, **fields}
        await self.worker.happen(Ended(self.name, 101, 2_000_000, 3_000_000, Outcome(**said)))  # type: ignore[arg-type]

    async def until_forgotten(self) -> None:
        """Wait until the worker may forget the job."""
        await self._until(lambda: not self.is_kept)

    async def until_some_is_here(self) -> None:
        """Wait until the broker has a part of the log."""
        await self._until(lambda: 0 < sum(log.stat().st_size for log in self.folder.glob("logs/*/.*/stdout")) < len(CONTENT))

    async def _until(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20.0
        while not happened():
            assert time.monotonic() < deadline
            # A thread writes and hashes.
            await asyncio.sleep(0.002)
            await self.broker.durable()
            await settle()

    @property
    def is_kept(self) -> bool:
        return self.worker.house.followed.holds(self.name.job)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made.shelf.close()
    for house in (made.worker.house, made.broker.house):
        house.close()


async def test_what_a_job_wrote_is_here_before_its_worker_may_forget_it(lab: Lab) -> None:
    await lab.run()
    assert lab.is_kept
    await lab.until_forgotten()
    assert lab.shelf.has(lab.name)
    assert lab.shelf.read(lab.name, "stdout", 1_000_000, 500).data == CONTENT[1_000_000:1_000_500]


async def test_of_a_worker_that_stays_nothing_is_brought(lab: Lab) -> None:
    await lab.run(ends=False)
    await lab.until_forgotten()
    assert not lab.shelf.has(lab.name)


async def test_what_is_still_to_be_hashed_is_brought_after_that(lab: Lab) -> None:
    await lab.run(hash_follows=True, stdout_root=b"")
    await lab.broker.durable()
    await settle()
    assert lab.is_kept
    assert not lab.shelf.has(lab.name)
    hashed = tree(CONTENT)
    lab.worker.hasher.done(Hashed(lab.name, stdout_root=hashed.root, stdout_hashes=hashed.kept))
    await lab.until_forgotten()
    assert lab.shelf.has(lab.name)


async def test_after_a_cut_and_a_restart_it_goes_on(lab: Lab) -> None:
    await lab.run(cut_after=1)
    await lab.until_some_is_here()
    lab.wire.cut()
    lab.shelf.close()
    await lab.broker.restart()
    lab.open()
    assert not lab.shelf.has(lab.name)
    lab.up()
    await lab.until_forgotten()
    assert lab.shelf.read(lab.name, "stdout", 0, len(CONTENT)).data == CONTENT


@pytest.mark.parametrize("stdout", [CONTENT[:-1], b"x" + CONTENT[1:], b""])
async def test_what_is_not_what_was_signed_is_not_kept_and_holds_up_nobody(lab: Lab, stdout: bytes) -> None:
    await lab.run(stdout)
    await lab.until_forgotten()
    assert not lab.shelf.has(lab.name)


async def test_of_a_worker_that_has_left_in_between_nothing_is_kept(lab: Lab) -> None:
    await lab.run(cut_after=1)
    await lab.until_some_is_here()
    lab.wire.cut()
    engine = lab.broker.engine
    engine.depart(engine.workers.get(lab.worker.identity.public), "lab")
    lab.shelf.close()
    assert not list((lab.folder / "logs").glob("*/*"))


class OpenLog:
    """A log that is read at the worker."""

    pieces = ()

    def __init__(self, rest: bytes) -> None:
        self._rest = rest

    def read(self, length: int) -> bytes:
        now, self._rest = self._rest[:length], self._rest[length:]
        return now

    def close(self) -> None: ...


class Reader:
    """A client that follows the output of the job, as the call of its request; `grant` lets more bytes come."""

    def __init__(self, lab: Lab) -> None:
        follow = request_pb2.FollowLog(stream=request_pb2.STREAM_STDOUT, credit_bytes=1000)
        self.request = request_pb2.Request(id=1, follow_log=follow)
        self.data, self.refused, self.ends = b"", [], []  # type: tuple[bytes, list[Refused], list[request_pb2.Reply]]
        broker, worker = lab.broker, lab.broker.engine.workers.get(lab.worker.identity.public)
        job = broker.house.lookup.job(lab.name.job)
        assert job is not None
        brought = broker.engine.brought
        self.log = PassedLog(
            self,  # type: ignore[arg-type] # reason: a double
            job,
            job.attempt,
            lambda: worker,
            lambda _: None,
            lambda _: None,
            shelf=brought.shelf,
            has=lambda one: brought.has(job.attempt, is_gone=broker.engine.workers.is_gone(one.key)),
        )

    def forward(self, _: request_pb2.Reply, data: bytes) -> bool:
        self.data += data
        return True

    def send(self, reply: request_pb2.Reply) -> None:
        self.ends.append(reply)

    def refuse(self, refused: Refused) -> None:
        self.refused.append(refused)


@pytest.mark.parametrize("how", ["it leaves", "it has forgotten the job"])
async def test_a_log_that_is_followed_goes_on_with_the_copy_when_the_worker_has_it_no_more(lab: Lab, how: str) -> None:
    await lab.run()
    await lab.until_forgotten()
    lab.worker.engine.follow_log = lambda *asked: OpenLog(CONTENT[asked[2] :])  # type: ignore[method-assign] # reason: it refuses that
    reader = Reader(lab)
    reader.log.flush()
    await settle()
    assert reader.data == CONTENT[:1000]
    assert not reader.log._is_kept
    lab.wire.cut()
    if how == "it leaves":
        engine = lab.broker.engine
        engine.depart(engine.workers.get(lab.worker.identity.public), "lab")
    else:
        lab.worker.engine.effects.clear()
        lab.worker.house.forgetting.forget([lab.name.job], lambda _: None)
        await lab.worker.house.durable()
        lab.up()
    await settle()
    while not reader.ends and not reader.refused:
        reader.log.grant(request_pb2.Credit(bytes=1_000_000))
        await settle()
    assert reader.refused == []
    assert reader.data == CONTENT
    assert reader.ends[0].log_end.size == len(CONTENT)
