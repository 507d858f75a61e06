"""The keys of jobs at a broker: workers tell of them, and they count as long as the jobs run there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from broker_house import Wire, WorkerSide, ended, signed, signed_start, started
from joined_pair import JoinedPair

from jobwire.broker.desk.inputs import Accepted
from jobwire.broker.relayed import permitted_verbs
from jobwire.broker.requests.asked_jobs import read_jobs
from jobwire.broker.requests.checks.delegated import check_start
from jobwire.keys.identity import Identity, generate
from jobwire.keys.members.rights import Member
from jobwire.keys.proofs import delegation
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.refusal import Code, Refused
from jobwire.schemas.workers.capacity import Capacity

CLIENT = generate()
PARENT = AttemptKey(CLIENT.public, b"\1" * 16, 1)
CHILD = AttemptKey(CLIENT.public, b"\2" * 16, 1)


class Lab(JoinedPair):
    """A broker with a worker of one slot, at which a job with a key runs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, CLIENT.public, slots=1)

    async def begin(self) -> None:
        await self.broker.accept(CLIENT, signed_start(CLIENT, self.broker.identity.public, 1, may_submit=True))
        await self.worker.happen(started(PARENT))
        await self.broker.durable()

    @property
    def key(self) -> Identity:
        return delegation.derive(self.worker.identity, *PARENT)

    def acting(self) -> Member | None:
        return self.broker.house.delegates.acting(self.key.public)

    def spoken(
        self, key: Identity, name: AttemptKey = PARENT, worker: Identity | None = None, store: bytes = b""
    ) -> request_pb2.Delegation:
        """Return the statement of a worker, else the own one, about the key of a job."""
        store = store or self.worker.house.store.id
        return delegation.delegate(worker or self.worker.identity, name, key, self.broker.identity.public, store)

    async def submit(self, number: int = 2) -> None:
        """Start a job with the key of the one that runs, as the handler of the verb does."""
        spec = job_pb2.JobSpec(argv=[b"true"])
        start = request_pb2.Start(jobs=[request_pb2.NewJob(id=bytes([number]) * 16, spec=spec)])
        raw = signed(self.key, self.broker.identity.public, request_pb2.Request(start=start))
        proof = raw + self.broker.house.delegates.statement(self.key.public)
        done: list[object] = []
        self.broker.house.desk.accept(CLIENT.public, list(read_jobs(start.jobs)), None, proof, done.append)
        await self.broker.durable()
        assert isinstance(done[0], Accepted)

    async def hire(self, folder: Path, *, knows: bool) -> WorkerSide:
        """Let another worker of one slot join; `knows`: its roster names the first one."""
        other = WorkerSide(folder, self.broker.identity.public, slots=1)
        if knows:
            other.members[self.worker.identity.public] = Member("lab1", self.worker.identity.public, "worker")
        Wire(self.broker, other).up()
        await self.broker.durable()
        return other

    async def lend(self, name: AttemptKey, *, begins: bool = True) -> request_pb2.Reply | Refused:
        """Say that a job waits for others, as a broker could of any."""
        answers: list[request_pb2.Reply | Refused] = []
        job = request_pb2.AttemptName(owner=name.owner, id=name.id, attempt=name.attempt)
        link = self.broker.engine.workers.get(self.worker.identity.public).link
        link.ask(request_pb2.Request(lend=request_pb2.Lend(job=job, begins=begins)), answers.append)
        await self.broker.durable()
        return answers[0]

    async def wait_for_child(self, *, begins: bool) -> None:
        self.broker.house.desk.wait_for(PARENT, [CHILD.job], begins=begins)
        await self.broker.durable()


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async for made in Lab(tmp_path).connected():
        yield made


async def test_a_key_is_accepted_while_its_job_runs_at_the_broker_and_not_at_the_worker(lab: Lab) -> None:
    assert lab.acting() is None
    await lab.begin()
    acting = lab.acting()
    assert acting is not None
    assert (acting.key, acting.job, acting.role) == (CLIENT.public, PARENT.id, "delegate")
    assert lab.worker.house.delegates.acting(lab.key.public) is None
    await lab.broker.restart()
    assert lab.acting() is None
    lab.wire.up()
    await lab.broker.durable()
    assert lab.acting() is not None
    await lab.worker.happen(ended(PARENT))
    await lab.broker.durable()
    assert lab.acting() is None
    assert lab.broker.house.disconnected == [lab.key.public]


async def test_the_job_finds_the_broker_in_the_file_of_its_key(lab: Lab, tmp_path: Path) -> None:
    await lab.begin()
    path = tmp_path / "key"
    path.write_bytes(lab.worker.house.delegates.admit(PARENT))
    path.chmod(0o600)
    found = delegation.read(path)
    assert (found.worker, found.description, found.is_broker) == (lab.broker.identity.public, "/state/broker.json", True)
    assert (found.identity.acts_for, found.identity.may_be_early) == (CLIENT.public, True)


async def test_a_worker_speaks_for_no_other_job_than_those_that_it_runs(lab: Lab) -> None:
    await lab.begin()
    evil, delegates = generate(), lab.broker.house.delegates
    for said in (
        lab.spoken(evil, AttemptKey(generate().public, PARENT.id, 1)),
        lab.spoken(evil, PARENT._replace(attempt=2)),
        lab.spoken(evil, worker=generate()),
        lab.spoken(evil, store=b"s" * 16),
    ):
        fact = request_pb2.Fact(report=request_pb2.Report(state=job_pb2.STATE_RUNNING, attempt=1), delegation=said)
        fact.report.key.owner, fact.report.key.id = PARENT.job
        worker = lab.broker.engine.workers.get(lab.worker.identity.public)
        lab.broker.engine.listener.take(worker, request_pb2.Facts(facts=[fact]))
        assert delegates.acting(evil.public) is None
    forged = lab.spoken(evil)
    forged.signature = bytes(64)
    delegates.told(forged)
    assert delegates.acting(evil.public) is None
    # The key of a member is not that of a job, and the one from before counts.
    delegates.told(lab.spoken(CLIENT))
    assert delegates.acting(CLIENT.public) is None
    assert delegates.account(CLIENT.public) == CLIENT.public
    assert lab.acting() is not None
    assert lab.broker.house.disconnected == []
    # Of a job that gets no key, too.
    await lab.broker.accept(CLIENT, signed_start(CLIENT, lab.broker.identity.public, 9))
    delegates.told(lab.spoken(evil, AttemptKey(CLIENT.public, b"\x09" * 16, 1)))
    assert delegates.acting(evil.public) is None


async def test_the_key_of_another_job_or_its_negative_is_not_accepted(lab: Lab) -> None:
    await lab.begin()
    delegates, key = lab.broker.house.delegates, lab.key.public
    other = AttemptKey(CLIENT.public, b"\3" * 16, 1)
    lab.worker.house.state.queue.set_capacity(Capacity(2))
    lab.worker.relayed.capacity_changed()
    await lab.broker.accept(CLIENT, signed_start(CLIENT, lab.broker.identity.public, 3, may_submit=True))
    assert lab.worker.started == [other]
    negative = key[:-1] + bytes([key[-1] ^ 0x80])
    for stolen in (key, negative):
        said = lab.spoken(generate(), other)
        said.key = stolen
        said.signature = lab.worker.identity.sign(delegation._signed(said))
        delegates.told(said)
        acting = delegates.by_curve(lab.key.curve_public)
        assert acting is not None
        assert (acting.job, acting.public) == (PARENT.id, key)
        # As after a restart of the broker: whoever comes first does not get it either.
        delegates.expel([PARENT])
        delegates.told(said)
        assert delegates.by_curve(lab.key.curve_public) is None
        delegates.told(lab.spoken(lab.key))
    delegates.expel([PARENT, other])
    assert delegates.by_curve(lab.key.curve_public) is None


async def test_a_job_that_waits_for_one_that_it_has_started_lends_its_slot_at_the_worker_until_the_link_is_lost(lab: Lab) -> None:
    await lab.begin()
    await lab.submit()
    assert lab.worker.started == []
    await lab.wait_for_child(begins=True)
    assert lab.worker.started == [CHILD]
    await lab.worker.happen(started(CHILD, 102))
    await lab.broker.durable()
    lab.wire.cut()
    assert not lab.worker.house.desk.lends_slots(lab.worker.house.live[PARENT.job])
    lab.wire.up()
    await lab.broker.durable()
    assert lab.worker.house.desk.lends_slots(lab.worker.house.live[PARENT.job])
    await lab.worker.happen(ended(CHILD, pid=102))
    await lab.broker.durable()
    assert not lab.worker.house.desk.lends_slots(lab.worker.house.live[PARENT.job])
    # Nobody else starts then.
    await lab.broker.accept(CLIENT, signed_start(CLIENT, lab.broker.identity.public, 3))
    assert lab.worker.started == []


async def test_a_worker_lends_only_slots_of_jobs_that_start_jobs_and_have_not_ended(lab: Lab) -> None:
    await lab.broker.accept(CLIENT, signed_start(CLIENT, lab.broker.identity.public, 2))
    await lab.worker.happen(started(CHILD, 102))
    answer = await lab.lend(CHILD)
    assert isinstance(answer, Refused)
    assert answer.code is Code.PERMISSION_DENIED
    assert not lab.worker.house.desk.lends_slots(lab.worker.house.live[CHILD.job])
    await lab.worker.happen(ended(CHILD, pid=102))
    await lab.begin()
    await lab.worker.happen(ended(PARENT))
    await lab.broker.durable()
    assert not isinstance(await lab.lend(PARENT), Refused)
    (stream,) = lab.worker.relayed._streams.values()
    assert stream.lent == set()


async def test_a_broker_lets_only_so_many_jobs_lend_their_slots(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permitted_verbs, "_LENT_FOR_A_SLOT", 1)
    third = AttemptKey(CLIENT.public, b"\3" * 16, 1)
    await lab.begin()
    await lab.lend(PARENT)
    await lab.broker.accept(CLIENT, signed_start(CLIENT, lab.broker.identity.public, 3, may_submit=True))
    assert lab.worker.started == [third]
    await lab.worker.happen(started(third, 103))
    await lab.broker.durable()
    refused = await lab.lend(third)
    assert isinstance(refused, Refused)
    assert refused.code is Code.RESOURCE_EXHAUSTED
    assert not lab.worker.house.desk.lends_slots(lab.worker.house.live[third.job])
    # The first may say so again, and when it goes on the other one may lend them.
    assert not isinstance(await lab.lend(PARENT), Refused)
    await lab.lend(PARENT, begins=False)
    assert not isinstance(await lab.lend(third), Refused)


async def test_how_many_of_them_run_at_once_is_limited_by_the_broker_alone(lab: Lab) -> None:
    await lab.begin()
    await lab.worker.restart()
    assert (lab.broker.house.live[PARENT.job].wants.level, lab.worker.house.live[PARENT.job].wants.level) == (1, 0)


async def test_a_worker_that_does_not_know_the_other_one_gives_the_job_back_and_the_own_one_runs_it(lab: Lab, tmp_path: Path) -> None:
    await lab.begin()
    other = await lab.hire(tmp_path / "other", knows=False)
    await lab.submit()
    assert (other.started, lab.worker.started) == ([], [])
    assert "not on the roster" in lab.broker.waits_for(CLIENT, 2)
    await lab.worker.happen(ended(PARENT))
    await lab.broker.durable()
    assert lab.worker.started == [CHILD]


async def test_a_worker_that_knows_the_other_one_runs_what_a_job_there_has_started(lab: Lab, tmp_path: Path) -> None:
    await lab.begin()
    other = await lab.hire(tmp_path / "other", knows=True)
    await lab.submit()
    assert other.started == [CHILD]


async def test_a_worker_that_is_too_old_gets_nothing_that_a_job_has_started(lab: Lab) -> None:
    await lab.begin()
    worker = lab.broker.engine.workers.get(lab.worker.identity.public)
    worker.features -= {"relayed_keys"}
    await lab.submit()
    await lab.worker.happen(ended(PARENT))
    await lab.broker.durable()
    assert lab.worker.started == []
    assert "is older than this kind of request" in lab.broker.waits_for(CLIENT, 2)


async def test_a_job_that_a_job_has_started_gets_no_key(lab: Lab) -> None:
    await lab.begin()
    starter = lab.broker.house.live[PARENT.job]
    assert starter.machine
    member = lab.acting()
    assert member is not None
    request = request_pb2.Start(jobs=[request_pb2.NewJob(id=b"\2" * 16, spec=job_pb2.JobSpec(argv=[b"true"], may_submit=True))])
    house = lab.broker.house
    with pytest.raises(Refused, match="gets no key of its own through a broker") as found:
        for _ in check_start(member, starter, list(read_jobs(request.jobs)), None, house.desk, house.lookup, waits=False):
            pass
    assert found.value.code is Code.UNIMPLEMENTED
