"""A worker that was removed while it had jobs, and comes back: it stops them, what was told stays, and how they ended is told beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from broker_house import ended, settle, signed, signed_start, started
from fleet_lab import FleetLab

from jobwire.broker.engine import Ended, Hashed
from jobwire.broker.fleet.transfers import logs
from jobwire.broker.fleet.transfers.shelf import NoShelf
from jobwire.broker.fleet.workers.removals import OPEN_US
from jobwire.broker.fleet.workers.warnings import in_words
from jobwire.broker.store.rows.fleet import growth_rows
from jobwire.broker.writes.growth import Growth, RemovalRow
from jobwire.keys.identity import curve_public_of, generate
from jobwire.keys.members.rights import Member
from jobwire.keys.proofs import attestation
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.refusal import Code, Refused

ROOT = b"r" * 32


class Lab(FleetLab):
    """A broker and a worker on which a job runs; an admin of the broker, who may stop jobs of others at the worker."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.admin = generate()
        self.worker.members[self.admin.public] = Member("root", self.admin.public, "operator")
        self.key = self.worker.identity.public

    async def run(self) -> None:
        await self.begin()
        await self.broker.durable()
        assert self.broker.state(self.client, 1) == "RUNNING"
        self.wire.cut()

    async def remove(self) -> None:
        """Remove the worker, as the handler of the verb does."""
        asked_at_us = self.worker.house.now
        said = request_pb2.RemoveWorker(name="lab", declare_lost=True, key=self.key, asked_at_us=asked_at_us)
        proof = signed(self.admin, self.broker.identity.public, request_pb2.Request(remove_worker=said))
        row = RemovalRow(self.key, "lab", proof, asked_at_us)
        self.broker.engine.removals.add(row)
        self.broker.house.store.submit(Growth(departed=[(self.key, "lab", 1)], removals=[row]), lambda: None)
        assert self.broker.engine.remove(self.key, "lab", "worker lab was removed by root") == 1
        await self.broker.durable()
        assert self.outcome.kind is OutcomeKind.LOST

    async def come_back(self) -> None:
        self.wire.up()
        await self.told()

    async def told(self) -> None:
        for _ in range(3):
            await self.broker.durable()
            await settle()

    @property
    def late(self) -> job_pb2.EndStatement | None:
        if not self.outcome.late_end:
            return None
        signer, end = attestation.read(self.outcome.late_end)
        assert signer == self.key
        return end

    @property
    def is_pending(self) -> bool:
        """Whether the worker is still let in, although it is not on the roster."""
        removals = self.broker.engine.removals
        member = removals.member(self.key)
        assert removals.by_curve(curve_public_of(self.key)) == member
        assert member is None or (member.role, member.name) == ("worker", "lab")
        assert len(growth_rows.read_removals(self.broker.house.store.read)) == (member is not None)
        return member is not None

    @property
    def warnings(self) -> str:
        engine = self.broker.engine
        return "; ".join(in_words([(engine.workers.name_of(one.key), one) for one in engine.workers.all.values()], ()))


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made.close()


async def test_it_is_told_to_stop_them_and_forgotten_when_all_have_ended(lab: Lab) -> None:
    await lab.run()
    await lab.remove()
    assert lab.is_pending
    await lab.come_back()
    assert ("end", lab.name) in [effect[:2] for effect in lab.worker.engine.effects]
    assert lab.is_pending
    await lab.worker.happen(Ended(lab.name, 101, 2_000_000, 3_000_000, Outcome(OutcomeKind.SIGNALED, signal=15)))
    await lab.told()
    assert (lab.outcome.kind, lab.outcome.sentence) == (OutcomeKind.LOST, "worker lab was removed by root")
    assert lab.late is not None
    assert (lab.late.outcome.kind, lab.late.outcome.signal) == (job_pb2.OUTCOME_KIND_SIGNALED, 15)
    assert not lab.is_kept
    assert not lab.is_pending
    assert lab.wire.at_broker is None, "it is not on the roster, and was let in for this only"
    assert lab.broker.engine.workers.name_of(lab.key) == "lab"


async def test_what_ended_before_it_came_back_is_told_beside_what_was_told(lab: Lab) -> None:
    await lab.run()
    await lab.worker.happen(ended(lab.name, 7))
    await lab.remove()
    await lab.come_back()
    assert lab.outcome.kind is OutcomeKind.LOST
    assert lab.late is not None
    assert (lab.late.outcome.exit_status, lab.late.pid) == (7, 101)
    assert (lab.is_kept, lab.is_pending) == (False, False)


async def test_the_hashes_of_its_output_are_waited_for(lab: Lab) -> None:
    await lab.run()
    await lab.remove()
    await lab.worker.happen(
        Ended(lab.name, 101, 2_000_000, 3_000_000, Outcome(OutcomeKind.EXITED, stdout_bytes=2_000_000, hash_follows=True))
    )
    await lab.come_back()
    assert lab.late is not None
    assert lab.late.outcome.hash_follows
    assert lab.is_pending
    lab.worker.hasher.done(Hashed(lab.name, stdout_root=ROOT, stdout_hashes=ROOT * 2))
    await lab.told()
    assert lab.late is not None
    assert (lab.late.outcome.hash_follows, lab.late.outcome.stdout_root) == (False, ROOT)
    assert (lab.is_kept, lab.is_pending) == (False, False)


async def test_nothing_is_placed_there_and_nothing_of_it_counts(lab: Lab) -> None:
    await lab.run()
    await lab.remove()
    await lab.come_back()
    await lab.broker.accept(lab.client, signed_start(lab.client, lab.broker.identity.public, 2))
    assert lab.broker.waits_for(lab.client, 2) == "there is no worker"


async def test_it_is_not_forgotten_by_a_restart_of_the_broker_or_a_cut_of_the_link(lab: Lab) -> None:
    await lab.run()
    await lab.remove()
    await lab.broker.restart()
    assert lab.is_pending
    # It is cut off when it has heard hello, but nothing else.
    lab.wire.up()
    lab.wire.arrive = 1
    await lab.told()
    lab.wire.cut()
    assert lab.worker.engine.effects == []
    await lab.come_back()
    assert ("end", lab.name) in [effect[:2] for effect in lab.worker.engine.effects]


async def test_a_worker_that_does_not_stop_them_is_named_and_their_ends_are_told(lab: Lab) -> None:
    await lab.run()
    lab.worker.members[lab.admin.public] = Member("root", lab.admin.public, "viewer")
    await lab.remove()
    await lab.come_back()
    assert lab.worker.engine.effects == []
    assert lab.warnings.startswith("worker lab was removed, and does not stop its jobs: 1 of 1 jobs continue: ")
    await lab.worker.happen(ended(lab.name, 0))
    await lab.told()
    assert lab.late is not None
    assert lab.late.outcome.exit_status == 0
    assert (lab.is_kept, lab.is_pending, lab.warnings) == (False, False, "")


async def test_a_worker_that_was_let_in_again_stops_the_old_ones_and_gets_new_ones(lab: Lab) -> None:
    await lab.run()
    await lab.remove()
    lab.broker.members[lab.key] = Member("lab", lab.key, "worker")
    await lab.come_back()
    assert ("end", lab.name) in [effect[:2] for effect in lab.worker.engine.effects]
    await lab.broker.accept(lab.client, signed_start(lab.client, lab.broker.identity.public, 2))
    new = AttemptKey(lab.client.public, bytes([2]) * 16, 1)
    assert new in lab.worker.started
    await lab.worker.happen(ended(lab.name, 0))
    await lab.told()
    assert (lab.is_kept, lab.is_pending) == (False, False)
    assert lab.wire.at_broker is not None


async def test_new_jobs_of_a_worker_that_was_let_in_again_go_on_when_its_link_is_lost_while_old_ones_stop(lab: Lab) -> None:
    await lab.run()
    await lab.remove()
    lab.broker.members[lab.key] = Member("lab", lab.key, "worker")
    await lab.come_back()
    await lab.broker.accept(lab.client, signed_start(lab.client, lab.broker.identity.public, 2))
    await lab.worker.happen(started(AttemptKey(lab.client.public, bytes([2]) * 16, 1), 102))
    lab.wire.cut()
    await lab.come_back()
    assert lab.worker.engine.effects == []
    assert not lab.is_pending
    await lab.worker.happen(ended(lab.name, 9))
    await lab.told()
    assert lab.late is not None
    assert (lab.late.outcome.exit_status, lab.is_kept) == (9, False)


async def test_an_end_that_its_worker_has_told_as_lost_stays_as_it_is(lab: Lab) -> None:
    await lab.run()
    lab.wire.up()
    await lab.worker.happen(Ended(lab.name, 101, 2_000_000, 3_000_000, Outcome(OutcomeKind.LOST, sentence="supervisor and keeper died")))
    await lab.told()
    assert replace(lab.outcome, attestation=b"", sentence="") == Outcome(OutcomeKind.LOST)
    assert lab.outcome.attestation


class Reader:
    """A member that reads or follows a log at the broker: what it is told."""

    def __init__(self, **verb: Any) -> None:
        self.request = request_pb2.Request(id=7, **verb)
        self.told: list[request_pb2.Reply | Refused] = []
        self.refuse, self.send = self.told.append, self.told.append

    def forward(self, reply: request_pb2.Reply, _data: bytes) -> bool:
        self.told.append(reply)
        return True


async def test_who_reads_there_is_told_that_the_worker_does_not_come_back(lab: Lab) -> None:
    await lab.run()
    reader = Reader(read_log=request_pb2.ReadLog())
    link = lab.broker.engine.workers.get(lab.key).link
    link.open(reader.request, partial(logs._read, reader, link, 1))
    await lab.remove()
    [refused] = reader.told
    assert isinstance(refused, Refused)
    assert (refused.code, "was removed, and what was written there is gone" in str(refused)) == (Code.NOT_FOUND, True)


async def test_who_follows_the_log_of_a_job_that_is_lost_with_its_worker_is_told_that_it_is_lost(lab: Lab) -> None:
    await lab.run()
    house, worker = lab.broker.house, lab.broker.engine.workers.get(lab.key)
    job = house.lookup.job(lab.name.job)
    assert job is not None
    reader = Reader(follow_log=request_pb2.FollowLog(credit_bytes=100))
    log = logs.PassedLog(reader, job, job.attempt, lambda: worker, lambda _: None, lambda _: None, shelf=NoShelf(), has=lambda _: False)
    house.watchers.watch(job, log)
    log.flush()
    await lab.remove()
    log.flush()
    [end] = reader.told
    assert isinstance(end, request_pb2.Reply)
    assert end.log_end.outcome.kind == OutcomeKind.LOST


async def test_it_is_let_in_for_so_long_and_no_longer_whatever_its_clock_was_set_to(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    await lab.run()
    await lab.remove()
    removed_at_us = lab.broker.house.now
    removals = lab.broker.engine.removals
    lab.broker.house.now = removed_at_us + OPEN_US - 1
    assert removals.member(lab.key) is not None
    lab.broker.house.now = removed_at_us + OPEN_US
    assert removals.member(lab.key) is removals.by_curve(curve_public_of(lab.key)) is None
    assert len([one for one in caplog.messages if "more than 90 days after it was removed, and is not admitted" in one]) == 1
    # A clock that is set back takes nothing from it.
    lab.broker.house.now = removed_at_us
    assert lab.is_pending


async def test_who_stays_connected_has_no_more_time(lab: Lab) -> None:
    await lab.run()
    await lab.remove()
    later: list[tuple[float, Callable[[], None]]] = []
    lab.broker.engine.removals._call_later = lambda seconds, call: later.append((seconds, call))
    await lab.come_back()
    ((seconds, first),) = later
    assert seconds == pytest.approx(90 * 86_400, abs=60)
    # The timer was early by the clock, which was set back.
    lab.broker.house.now -= 1_000_000
    first()
    assert lab.wire.at_broker is not None
    lab.broker.house.now += OPEN_US + 2_000_000
    later[1][1]()
    assert lab.wire.at_broker is None
    assert lab.broker.engine.removals.member(lab.key) is None


async def test_it_has_one_timer_however_often_it_connects(lab: Lab) -> None:
    await lab.run()
    await lab.remove()
    later: list[Callable[[], None]] = []
    lab.broker.engine.removals._call_later = lambda _, call: later.append(call)
    await lab.come_back()
    for _ in range(3):
        lab.wire.cut()
        lab.wire.up()
        await lab.told()
    (due,) = later
    lab.broker.house.now += OPEN_US
    due()
    assert lab.wire.at_broker is None


async def test_of_more_than_are_remembered_the_oldest_is_let_in_no_more(lab: Lab) -> None:
    removals, keys = lab.broker.engine.removals, [generate().public for _ in range(growth_rows.MOST_REMOVALS + 2)]
    for at, key in enumerate(keys):
        removals.add(RemovalRow(key, f"lab{at}", b"", lab.broker.house.now))
    assert [removals.member(key) is not None for key in (*keys[:3], keys[-1])] == [False, False, True, True]
    assert removals.by_curve(curve_public_of(keys[0])) is None
