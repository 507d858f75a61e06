"""Jobs that act for their owners: whose key is accepted, for how long, and what it may ask for."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from desk_house import DAEMON, OWNER, EngineDouble, House, asked_with, attempt, ended, key, started
from raw_client import RawClient

from jobwire.broker.daemon import Daemon
from jobwire.broker.desk.decisions.lending import nobody_waits
from jobwire.broker.desk.inputs import Asked, Lend
from jobwire.broker.desk.turn import Turn
from jobwire.broker.engine import Ended
from jobwire.broker.foundation import Foundation
from jobwire.broker.jobs.job import BatchRun, Job
from jobwire.broker.jobs.loans import MOST_LEVELS
from jobwire.broker.requests.checks import delegated
from jobwire.broker.settings import Settings
from jobwire.keys.identity import Identity, generate
from jobwire.keys.members import roster
from jobwire.keys.members.rights import Member, Right
from jobwire.keys.proofs import delegation
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.conditions import After, Condition
from jobwire.schemas.jobs.retry import RetryRule
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import AttemptKey, JobKey, finish_job_id, new_id
from jobwire.schemas.refusal import Code, Reason, Refused
from jobwire.schemas.workers.capacity import Capacity


def key_of(number: int, which: int = 1) -> Identity:
    return delegation.derive(DAEMON, *attempt(number, which))


async def accept_acting(house: House, number: int = 1, **fields: object) -> Job:
    (job,) = (await house.accept(asked_with(number, may_submit=True, **fields))).jobs
    await house.durable()
    house.engine.expect(("start", attempt(number)))
    return job


async def test_a_key_is_accepted_from_the_launch_of_its_job_to_its_end(house: House) -> None:
    public = key_of(1).public
    assert house.delegates.acting(public) is None
    await accept_acting(house)
    member = house.delegates.acting(public)
    assert member is not None
    assert (member.key, member.job, member.public, member.role) == (OWNER, key(1).id, public, "delegate")
    assert member.rights == {Right.SEE, Right.SUBMIT, Right.STOP}
    assert house.delegates.by_curve(key_of(1).curve_public) == member
    house.desk.hear([started(1)])
    house.desk.hear([ended(1)])
    # At once, and not only when that is durable.
    assert house.delegates.acting(public) is None
    assert house.disconnected == []
    await house.durable()
    assert house.disconnected == [public]
    assert house.delegates.by_curve(key_of(1).curve_public) is None
    house.engine.expect(("settled", attempt(1)))


async def test_a_job_that_may_start_no_jobs_has_no_key(house: House) -> None:
    await house.accept(asked_with(2))
    house.engine.expect(("start", attempt(2)))
    assert house.delegates.acting(key_of(2).public) is None


async def test_the_owner_is_looked_up_each_time(house: House) -> None:
    await accept_acting(house)
    public = key_of(1).public
    house.members = {OWNER: Member("ada", OWNER, "viewer")}
    member = house.delegates.acting(public)
    assert member is not None
    assert member.rights == {Right.SEE}
    house.members = {}
    assert house.delegates.acting(public) is None
    house.members = {OWNER: Member("ada", OWNER, "admin")}
    house.delegates.cut_off(OWNER)
    house.delegates.cut_off(b"x" * 32)
    assert house.disconnected == [public]
    assert house.delegates.acting(public) is not None


async def test_each_attempt_has_another_key(house: House) -> None:
    await accept_acting(house, retry=RetryRule(1))
    house.desk.hear([started(1)])
    house.desk.hear([ended(1, 1)])
    await house.durable()
    await house.durable()
    house.engine.expect(("settled", attempt(1)), ("start", attempt(1, 2)))
    assert house.delegates.acting(key_of(1).public) is None
    assert house.delegates.acting(key_of(1, 2).public) is not None


async def start(house: House, parent: Job, *jobs: Asked) -> list[Job]:
    done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    house.desk.accept(OWNER, jobs, None, b"proof", done.set_result, started_by=parent.key.id, depth=parent.depth + 1)
    await done
    return [house.live[key(one.id[0])] for one in jobs]


async def test_a_job_lends_its_slot_while_it_waits_for_what_it_started(house: House) -> None:
    house.state.queue.set_capacity(Capacity(1))
    parent = await accept_acting(house)
    house.desk.hear([started(1)])
    (child,) = await start(house, parent, asked_with(2))
    await house.durable()
    assert "the only slot is in use" in house.desk.why_waiting(child)
    house.desk.wait_for(attempt(1), [child.key, parent.key], begins=True)
    await house.durable()
    house.engine.expect(("start", attempt(2)))
    assert house.desk.lends_slots(parent)
    (other,) = (await house.accept(asked_with(3))).jobs
    house.desk.hear([started(2)])
    house.desk.hear([ended(2)])
    # The parent goes on, and nobody gets the slot in between.
    assert not house.desk.lends_slots(parent)
    await house.durable()
    house.engine.expect(("settled", attempt(2)))
    assert "the only slot is in use" in house.desk.why_waiting(other)
    house.desk.wait_for(attempt(1), [child.key], begins=False)
    house.desk.hear([ended(1)])
    await house.durable()
    await house.durable()
    house.engine.expect(("start", attempt(3)), ("settled", attempt(1)))


async def test_a_job_waits_for_what_a_run_ends_with_from_the_beginning(house: House) -> None:
    house.state.queue.set_capacity(Capacity(1))
    parent = await accept_acting(house)
    on_finish = specs.to_wire(JobSpec((b"true",))).SerializeToString()
    batch = BatchRun(b"r" * 16, "", 0, on_finish=on_finish)
    done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    house.desk.accept(OWNER, [asked_with(2)], batch, b"proof", done.set_result, started_by=parent.key.id, depth=1)
    await done
    finish = JobKey(OWNER, finish_job_id(batch.id))
    house.desk.wait_for(attempt(1), [key(2), finish], begins=True)
    await house.durable()
    house.engine.expect(("start", attempt(2)))
    house.desk.hear([started(2)])
    house.desk.hear([ended(2)])
    assert house.desk.lends_slots(parent)
    await house.durable()
    await house.durable()
    await house.durable()
    assert {effect[0] for effect in house.engine.effects} == {"settled", "start"}
    house.engine.effects.clear()
    house.desk.hear([Ended(AttemptKey(*finish, 1), 9, 2, 3, Outcome(OutcomeKind.EXITED))])
    assert not house.desk.lends_slots(parent)
    await house.durable()
    house.engine.effects.clear()


async def test_a_watch_that_ends_takes_the_slot_back_and_one_of_an_earlier_attempt_lends_nothing(house: House) -> None:
    parent = await accept_acting(house)
    (child,) = await start(house, parent, asked_with(2, held=True))
    house.desk.wait_for(attempt(1), [child.key], begins=True)
    assert house.desk.lends_slots(parent)
    house.desk.wait_for(attempt(1), [child.key], begins=False)
    assert not house.desk.lends_slots(parent)
    house.desk.wait_for(attempt(1, 2), [child.key], begins=True)
    assert not house.desk.lends_slots(parent)
    # A job that waits for itself waits for ever.
    house.desk.wait_for(attempt(1), [parent.key], begins=True)
    assert not house.desk.lends_slots(parent)
    nobody_waits(Turn(house.state, None), child)


@pytest.mark.parametrize("first", ["here", "broker"])
async def test_who_waits_here_and_at_its_broker_lends_until_neither_waits_any_more(house: House, first: str) -> None:
    parent = await accept_acting(house)
    (child,) = await start(house, parent, asked_with(2, held=True))

    def wait(where: str, *, begins: bool) -> None:
        if where == "here":
            house.desk.wait_for(attempt(1), [child.key], begins=begins)
        else:
            house.desk.take(Lend(attempt(1), begins))

    second = "broker" if first == "here" else "here"
    for where, begins, lends in ((first, True, True), (second, True, True), (first, False, True), (second, False, False)):
        wait(where, begins=begins)
        assert house.desk.lends_slots(parent) is lends
    # A later attempt begins anew.
    wait("broker", begins=True)
    house.desk.hear([started(1), ended(1)])
    assert house.state.wait_at_broker == set()
    await house.durable()
    house.engine.effects.clear()


def member_of(job: Job) -> Member:
    return Member("a job", OWNER, "delegate", job=job.key.id, acting=b"k" * 32, may_do=frozenset({Right.SUBMIT, Right.SEE}))


def check(house: House, starter: Job, *jobs: Asked, waits: bool = True) -> None:
    for _ in delegated.check_start(member_of(starter), starter, jobs, None, house.desk, house.lookup, waits=waits):
        pass


async def test_jobs_start_each_other_only_so_deep(house: House) -> None:
    parent = await accept_acting(house)
    parent.depth = MOST_LEVELS - 2
    check(house, parent, asked_with(2, may_submit=True))
    parent.depth += 1
    check(house, parent, asked_with(2))
    with pytest.raises(Refused, match="8 jobs started each other") as refused:
        check(house, parent, asked_with(3), asked_with(2, may_submit=True))
    assert (refused.value.code, refused.value.job_index) == (Code.RESOURCE_EXHAUSTED, 1)


async def test_a_job_waits_only_for_jobs_that_it_may_see(house: House) -> None:
    parent = await accept_acting(house)
    (stranger,) = (await house.accept(asked_with(5, held=True))).jobs
    (child,) = await start(house, parent, asked_with(2, held=True))

    def after(job: bytes, number: int = 3) -> Asked:
        return asked_with(number, after=(After(Condition.ANY, job=job),))

    check(house, parent, after(child.key.id), asked_with(4), after(bytes([4]) * 16, 6))
    with pytest.raises(Refused, match="there is no job"):
        check(house, parent, after(stranger.key.id))
    with pytest.raises(Refused, match="would wait for the end of job"):
        check(house, parent, after(parent.key.id))
    check(house, parent, after(parent.key.id), waits=False)


async def test_a_repeated_start_is_answered_as_before(house: House) -> None:
    parent = await accept_acting(house, only_one="x")
    (child,) = await start(house, parent, asked_with(2, only_one="x"))
    check(house, parent, asked_with(2, only_one="x"))
    with pytest.raises(Refused, match="only one 'x' runs at once"):
        check(house, parent, asked_with(3, only_one="x"))
    house.desk.wait_for(attempt(1), [child.key], begins=True)
    assert house.desk.why_waiting(child).endswith("is that one until it ends: stop one of them")


class Opened:
    """A daemon above an engine double, with a member that has two jobs which act for it."""

    def __init__(self, folder: Path) -> None:
        self.key, self.member = generate(), generate()
        roster.add_member(folder / "roster.toml", "member", self.member.public, "submitter", {"connections": 2})
        settings = Settings("worker", "test", folder / "state.db", folder / "roster.toml", "tcp://127.0.0.1:*")
        self.daemon = Daemon(Foundation(settings, self.key), EngineDouble())

    def raw(self, identity: Identity) -> RawClient:
        return RawClient(self.daemon.endpoint, self.key.public, identity)

    def start_two(self) -> Iterable[Identity]:
        with self.raw(self.member) as raw:
            raw.hello()
            for _ in range(2):
                job = request_pb2.NewJob(id=new_id(), spec=job_pb2.JobSpec(argv=[b"true"], may_submit=True))
                reply = raw.ask(raw.request(start=request_pb2.Start(jobs=[job])))
                assert reply.WhichOneof("content") == "acknowledged", reply
                yield delegation.derive(self.key, *AttemptKey(self.member.public, job.id, 1))


async def test_what_jobs_cost_that_act_for_a_member_is_counted_for_all_of_them_together(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    await opened.daemon.start()

    async def apart(do: Callable[[], object]) -> object:
        return await asyncio.to_thread(do)

    try:
        first, second = await asyncio.to_thread(lambda: list(opened.start_two()))
        await opened.daemon.desk.durable()
        with opened.raw(first) as one, opened.raw(second) as two, opened.raw(first) as three, opened.raw(opened.member) as owner:
            await apart(one.hello)
            await apart(two.hello)

            def is_one_too_many() -> bool:
                three.send(three.envelope(three.request(status=request_pb2.Status())))
                return three.receive().refusal.reason == Reason.TOO_MANY_CONNECTIONS.value

            assert await apart(is_one_too_many)
            # The member itself comes in nevertheless.
            assert await apart(owner.hello)
        accounts = {opened.daemon._parts.delegates.account(one.public) for one in (first, second)}
        assert accounts == {opened.member.public + b"/jobs"}
        assert opened.daemon._parts.delegates.account(opened.member.public) == opened.member.public
    finally:
        opened.daemon.close()
