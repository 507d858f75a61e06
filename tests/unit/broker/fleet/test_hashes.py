"""The hashes of output that follow the end of a job: they reach the broker, whoever is restarted, and only from the worker that ran it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from fleet_lab import FleetLab

from jobwire.broker.engine import Ended, Hashed
from jobwire.broker.log_hashes import with_hashes
from jobwire.broker.store.rows import hash_rows
from jobwire.keys.proofs import attestation
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import AttemptKey

ROOT = b"r" * 32
PARTS = b"1" * 32 + b"2" * 32
AWAITED = Outcome(OutcomeKind.EXITED, stdout_bytes=2_000_000, hash_follows=True)


class Lab(FleetLab):
    """A broker and a worker, at which a job has ended whose output is still to be hashed."""

    async def run(self, outcome: Outcome = AWAITED, *, is_cut: bool = False) -> None:
        """`is_cut`: the link is, before the job ends."""
        await self.begin()
        if is_cut:
            self.wire.cut()
        await self.worker.happen(Ended(self.name, 101, 2_000_000, 3_000_000, outcome))
        await self.broker.durable()

    def hash_it(self, **fields: object) -> None:
        self.worker.hasher.done(Hashed(self.name, **{"stdout_root": ROOT, "stdout_hashes": PARTS, **fields}))  # type: ignore[arg-type]


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made.close()


async def told(lab: Lab) -> None:
    await lab.broker.durable()
    await lab.broker.durable()


async def test_the_end_is_told_at_once_and_its_hashes_when_they_are_known(lab: Lab) -> None:
    await lab.run()
    assert lab.outcome.hash_follows
    assert lab.is_kept
    lab.hash_it()
    await told(lab)
    assert (lab.outcome.hash_follows, lab.outcome.stdout_root) == (False, ROOT)
    signer, end = attestation.read(lab.outcome.attestation)
    assert (signer, end.outcome.stdout_root) == (lab.worker.identity.public, ROOT)
    assert hash_rows.hashes_of(lab.broker.house.store.read, lab.name.job) == {1: (PARTS, b"")}
    assert not lab.is_kept


async def test_hashes_that_come_while_the_link_is_cut_are_told_when_it_is_back(lab: Lab) -> None:
    await lab.run()
    lab.wire.cut()
    lab.hash_it()
    await told(lab)
    assert lab.is_kept
    lab.wire.up()
    await told(lab)
    assert lab.outcome.stdout_root == ROOT
    assert not lab.is_kept


async def test_an_end_that_comes_together_with_its_hashes_leaves_those_of_parts_too(lab: Lab) -> None:
    await lab.run(is_cut=True)
    lab.hash_it()
    await told(lab)
    lab.wire.up()
    await told(lab)
    await told(lab)
    assert (lab.outcome.hash_follows, lab.outcome.stdout_root) == (False, ROOT)
    assert hash_rows.hashes_of(lab.broker.house.store.read, lab.name.job) == {1: (PARTS, b"")}
    assert not lab.is_kept


async def test_a_worker_that_was_killed_between_end_and_hash_takes_it_up_again(lab: Lab) -> None:
    await lab.run()
    lab.wire.cut()
    await lab.worker.restart()
    assert lab.worker.hasher.taken_up == [lab.name]
    lab.wire.up()
    await told(lab)
    assert lab.is_kept
    lab.hash_it()
    await told(lab)
    assert lab.outcome.stdout_root == ROOT
    assert not list(hash_rows.unhashed(lab.worker.house.store.read))
    assert not lab.is_kept


async def test_a_broker_that_was_restarted_gets_them_too(lab: Lab) -> None:
    await lab.run()
    lab.wire.cut()
    await lab.broker.restart()
    lab.hash_it()
    lab.wire.up()
    await told(lab)
    assert lab.outcome.stdout_root == ROOT


async def test_a_log_that_cannot_be_hashed_is_told_with_the_reason(lab: Lab) -> None:
    await lab.run()
    lab.hash_it(stdout_root=b"", stdout_hashes=b"", problem="it was removed")
    await told(lab)
    assert (lab.outcome.hash_follows, lab.outcome.hash_problem) == (False, "it was removed")
    assert not lab.is_kept


async def test_a_job_that_is_forgotten_before_its_output_is_hashed_is_gone(lab: Lab) -> None:
    await lab.run()
    name = request_pb2.AttemptName(owner=lab.name.owner, id=lab.name.id, attempt=1)
    await lab.worker.ask(lab.broker.identity.public, discard=request_pb2.Discard(jobs=[name]))
    assert lab.worker.house.lookup.job(lab.name.job) is None
    lab.hash_it()
    await told(lab)
    assert not list(hash_rows.unhashed(lab.worker.house.store.read))


async def test_a_small_log_is_hashed_with_the_end_and_nothing_waits(lab: Lab) -> None:
    await lab.run(replace(AWAITED, hash_follows=False, stdout_root=ROOT))
    assert attestation.read(lab.outcome.attestation)[1].outcome.stdout_root == ROOT
    assert not lab.is_kept


def test_another_end_than_the_recorded_one_is_not_taken_with_the_hashes() -> None:
    hashed = Hashed(AttemptKey(b"", b"", 1), told=replace(AWAITED, hash_follows=False, stdout_root=ROOT, attestation=b"signed"))
    taken = with_hashes(AWAITED, hashed)
    assert taken is not None
    assert (taken.stdout_root, taken.attestation, taken.hash_follows) == (ROOT, b"signed", False)
    assert hashed.told is not None
    for other in (replace(hashed.told, exit_status=1), replace(hashed.told, stdout_bytes=1), replace(hashed.told, hash_follows=True)):
        assert with_hashes(AWAITED, hashed._replace(told=other)) is None
    assert with_hashes(taken, hashed) is None
    with_parts = hashed._replace(stdout_hashes=PARTS)
    assert with_hashes(taken, with_parts) == taken
    assert with_hashes(replace(taken, stdout_root=b"o" * 32), with_parts) is None
