import asyncio
import gc
import weakref
from collections.abc import Callable
from dataclasses import replace

import pytest
from answers import Answers
from desk_house import OWNER, House, asked, ended, started

from jobwire.broker.desk.admission import check_precedence
from jobwire.broker.requests.actions.stop import stop
from jobwire.broker.requests.asked_jobs import read_in_steps, read_jobs
from jobwire.broker.requests.call import _MOST_IN_BETWEEN, Call
from jobwire.broker.requests.checks.run_options import read_run
from jobwire.broker.requests.job_keys import find_jobs_to_stop
from jobwire.broker.requests.reads.hello import Introduction
from jobwire.broker.requests.start import start
from jobwire.broker.sockets.peers import Peer
from jobwire.broker.sockets.unread import Account, Meter
from jobwire.keys.members.rights import Member
from jobwire.schemas.frames import SIGNED_VERBS
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.refusal import Code, Refused
from jobwire.schemas.workers.capacity import Wants, wants_of

SPEC = job_pb2.JobSpec(argv=[b"true"])


async def test_every_verb_of_the_schema_has_one_handler(house: House) -> None:
    introduction = Introduction("worker", "", b"", b"", b"", lambda: "", lambda: 1)
    table = house.handlers(introduction, lambda _: None)
    verbs = {field.name for field in request_pb2.Request.DESCRIPTOR.oneofs_by_name["verb"].fields}
    assert set(table) == verbs
    assert verbs >= SIGNED_VERBS


def refusal(request: request_pb2.Start) -> Refused:
    with pytest.raises(Refused) as refused:
        read(request)
    return refused.value


def read(request: request_pb2.Start) -> None:
    list(read_jobs(request.jobs))
    read_run(request)


def test_a_start_without_jobs_is_refused() -> None:
    assert refusal(request_pb2.Start()).code is Code.INVALID_ARGUMENT


def test_a_refusal_names_the_job_it_is_about() -> None:
    good = request_pb2.NewJob(id=b"1" * 16, spec=SPEC)
    bad = request_pb2.NewJob(id=b"2" * 16, spec=job_pb2.JobSpec(argv=[b"a\0b"]))
    refused = refusal(request_pb2.Start(jobs=[good, bad]))
    assert (refused.job_index, refused.code) == (1, Code.INVALID_ARGUMENT)
    assert "NUL" in refused.message


def test_the_same_id_twice_in_one_start_is_refused() -> None:
    job = request_pb2.NewJob(id=b"1" * 16, spec=SPEC)
    assert "twice" in refusal(request_pb2.Start(jobs=[job, job])).message


def test_an_id_of_another_length_is_refused() -> None:
    assert "16 bytes" in refusal(request_pb2.Start(jobs=[request_pb2.NewJob(id=b"1", spec=SPEC)])).message


def test_a_field_that_this_version_does_not_know_is_refused_inside_a_spec() -> None:
    unknown = SPEC.SerializeToString() + b"\xfa\x3e\x03abc"  # field 1007, three bytes
    job = request_pb2.NewJob(id=b"1" * 16, spec=job_pb2.JobSpec.FromString(unknown))
    assert refusal(request_pb2.Start(jobs=[job])).code is Code.UNIMPLEMENTED


def test_an_unknown_field_outside_a_spec_is_ignored() -> None:
    start = request_pb2.Start.FromString(
        request_pb2.Start(jobs=[request_pb2.NewJob(id=b"1" * 16, spec=SPEC)]).SerializeToString() + b"\xfa\x3e\x03abc"
    )
    assert len(list(read_jobs(start.jobs))) == 1


LARGE = {
    "arguments": job_pb2.JobSpec(argv=[b"true"] + [b"x" * 18] * 65_000),
    "variables": job_pb2.JobSpec(
        argv=[b"true"], environment=[job_pb2.EnvironmentVariable(name=b"N%05d" % number, value=b"v") for number in range(16_000)]
    ),
    "bytes": job_pb2.JobSpec(
        argv=[b"true", *[b"x" * 131_000] * 14], stdin=b"i" * 1024 * 1024, name="large", labels=[job_pb2.Label(name="a")]
    ),
}


@pytest.mark.parametrize("spec", LARGE.values(), ids=LARGE)
@pytest.mark.parametrize("split", [True, False])
def test_a_large_job_is_read_in_many_steps_and_is_the_same(spec: job_pb2.JobSpec, *, split: bool) -> None:
    small, job = request_pb2.NewJob(id=b"1" * 16, spec=SPEC), request_pb2.NewJob(id=b"2" * 16, spec=spec)
    sent = ([], [one.SerializeToString() for one in (small, job)]) if split else ([small, job], None)
    read = list(read_in_steps(*sent))
    found = [one for one in read if one is not None]
    assert [(one.id, one.raw) for one in found] == [(one.id, one.spec.SerializeToString()) for one in (small, job)]
    assert (found[1].spec, found[1].digest) == (specs.from_wire(spec), specs.digest(specs.from_wire(spec)))
    # Each step is a field, or some of its parts, or a look at 2,000 of them.
    assert len(read) - 2 >= (len(spec.argv) + len(spec.environment)) * (3 if split else 2) // 2000 + len(spec.ListFields())


def test_only_an_admin_may_let_a_job_go_before_the_others_of_the_machine() -> None:
    first = replace(asked(1), spec=JobSpec(argv=(b"true",), nice=-1))
    for role in ("submitter", "operator"):
        with pytest.raises(Refused, match="nice values below 0") as refused:
            check_precedence(Member("ada", OWNER, role), first.spec, 3)
        assert (refused.value.code, refused.value.job_index) == (Code.PERMISSION_DENIED, 3)
    check_precedence(Member("ada", OWNER, "admin"), first.spec, 3)
    check_precedence(Member("ada", OWNER, "submitter"), JobSpec(argv=(b"true",), nice=19), 3)


def test_a_batch_needs_an_id_and_a_valid_name() -> None:
    job = request_pb2.NewJob(id=b"1" * 16, spec=SPEC)
    assert "16 bytes" in refusal(request_pb2.Start(jobs=[job], batch=job_pb2.Batch(id=b"x"))).message
    assert "last" in refusal(request_pb2.Start(jobs=[job], batch=job_pb2.Batch(id=b"x" * 16, name="last"))).message


class NoTime:
    """Turns in which there is never time left."""

    def __init__(self) -> None:
        self.line: list[Callable[[], object]] = []

    @property
    def queued(self) -> int:
        return len(self.line)

    def time_left(self) -> bool:
        return False

    def call_soon(self, callback: Callable[[], object], /) -> None:
        self.line.append(callback)

    def call_later(self, _delay: float, _callback: Callable[[], object], /) -> object:
        raise NotImplementedError


class Asking:
    """A start of many jobs, and what it is answered."""

    def __init__(self, house: House, ids: list[bytes], proof: bytes = b"proof") -> None:
        self.turns = NoTime()
        self.answers = Answers()
        jobs = [request_pb2.NewJob(id=job_id, spec=SPEC) for job_id in ids]
        request = request_pb2.Request(id=1, start=request_pb2.Start(jobs=jobs))
        peer = Peer(b"r", Meter(-1, b""), Account(OWNER), self.answers)
        call = Call(Member("somebody", OWNER, "submitter"), peer, request, proof, None, self.turns)
        call.guard(start, call, house.desk, house.lookup, house.watchers, house.engine, house.store)
        self.slices = 1
        while self.turns.line:
            self.turns.line.pop()()
            self.slices += 1


async def test_others_have_their_turn_while_a_long_start_is_read(house: House) -> None:
    asking = Asking(house, [b"%016d" % number for number in range(100)])
    assert asking.slices > 5
    async with asyncio.timeout(60):
        await asking.answers.came.wait()
    assert asking.answers.replied[0].HasField("acknowledged")
    assert len(house.live) == 100
    house.engine.effects.clear()


async def test_a_start_of_what_is_there_already_is_answered_at_once_with_where_the_news_goes_on(house: House) -> None:
    ids = [b"%016d" % number for number in range(2)]
    first = Asking(house, ids)
    async with asyncio.timeout(60):
        await first.answers.came.wait()
    await house.durable()
    events = house.store.head
    again = Asking(house, ids)
    assert [(reply.acknowledged.known, reply.acknowledged.cursor.seq) for reply in again.answers.replied] == [(2, events)]
    await house.durable()
    assert house.store.read("SELECT count(*) FROM proofs") == [(1,)]
    house.engine.effects.clear()


async def test_a_long_start_is_taken_whole_or_not_at_all(house: House) -> None:
    asking = Asking(house, [*(b"%016d" % number for number in range(100)), b"short"])
    assert asking.slices > 5
    assert [refused.job_index for refused in asking.answers.refused] == [100]
    await house.durable()
    assert not house.live


async def test_a_bug_in_a_later_slice_of_a_long_start_is_answered(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(spec: JobSpec) -> Wants:
        if next(calls) == 50:
            raise RuntimeError("a bug")
        return wants_of(spec)

    calls = iter(range(1000))
    monkeypatch.setattr("jobwire.broker.requests.start.wants_of", fail)
    asking = Asking(house, [b"%016d" % number for number in range(100)])
    assert asking.slices > 5
    assert [refused.code for refused in asking.answers.refused] == [Code.INTERNAL]
    assert "a bug" not in asking.answers.refused[0].message


def test_few_requests_of_a_member_are_in_between_at_once_however_many_it_sends() -> None:
    turns, done = NoTime(), 0

    def count() -> None:
        nonlocal done
        done += 1

    peer = Peer(b"r", Meter(-1, b""), Account(OWNER), Answers())
    call = Call(Member("somebody", OWNER, "submitter"), peer, request_pb2.Request(), b"", None, turns)
    for _ in range(100):
        call.in_few_slices(iter(range(5)), count)
    assert (done, turns.queued) == (100 - _MOST_IN_BETWEEN, _MOST_IN_BETWEEN)
    while turns.line:
        turns.line.pop(0)()
    assert done == 100


async def test_what_a_start_holds_beside_its_jobs_is_not_kept(house: House) -> None:
    asking = Asking(house, [b"1" * 16], proof=bytes(10_000))
    assert [refused.code for refused in asking.answers.refused] == [Code.INVALID_ARGUMENT]
    assert "10000 bytes" in asking.answers.refused[0].message
    await house.durable()
    assert not house.live


async def test_a_stop_of_many_that_has_begun_is_completed_when_the_client_leaves(house: House) -> None:
    asking = Asking(house, [b"%016d" % number for number in range(250)])
    async with asyncio.timeout(60):
        await asking.answers.came.wait()
    house.engine.effects.clear()
    turns = NoTime()
    peer = Peer(b"r", Meter(-1, b""), Account(OWNER), Answers())
    request = request_pb2.Request(id=2, stop=request_pb2.Stop(keys=[job_pb2.JobKey(id=job.key.id) for job in house.live.values()]))
    call = Call(Member("somebody", OWNER, "submitter"), peer, request, b"proof", None, turns)
    call.guard(stop, call, house.desk, house.lookup, house.watchers, house.engine, house.store)
    while turns.line:
        # From the first part on, which is recorded.
        peer.gone = len(house.live) < 250
        turns.line.pop()()
        await house.durable()

    assert peer.gone
    assert not [job for job in house.live.values() if not job.stop]
    house.engine.effects.clear()


async def test_a_stop_names_a_job_as_often_as_it_likes_and_it_is_looked_up_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[object] = []

    def visible_job(key: object, _member: object) -> None:
        looked_up.append(key)

    monkeypatch.setattr(house.lookup, "visible_job", visible_job)
    keys = [job_pb2.JobKey(id=b"1" * 16), job_pb2.JobKey(id=b"1" * 16, owner=OWNER)] * 100
    found: list[object] = []
    list(find_jobs_to_stop(keys, Member("somebody", OWNER, "submitter"), house.lookup, found))  # type: ignore[arg-type] # reason: no jobs
    assert len(looked_up) == 1


@pytest.mark.parametrize("size", [10, 10_000], ids=["small", "large"])
def test_a_job_over_a_bound_is_refused_whatever_its_size(size: int) -> None:
    labels = [job_pb2.Label(name=f"l{number}") for number in range(65)]
    job = request_pb2.NewJob(id=b"1" * 16, spec=job_pb2.JobSpec(argv=[b"x" * size], labels=labels))
    assert refusal(request_pb2.Start(jobs=[job])).code is Code.INVALID_ARGUMENT


async def test_a_start_that_has_ended_is_freed_without_the_garbage_collector(house: House) -> None:
    turns = NoTime()
    peer = Peer(b"r", Meter(-1, b""), Account(OWNER), Answers())
    # Read in two slices, and its end is reported.
    jobs = [request_pb2.NewJob(id=bytes([number]) * 16, spec=SPEC) for number in (1, 2)]
    request = request_pb2.Request(id=1, start=request_pb2.Start(jobs=jobs, watch=True, credit_messages=10))
    call = Call(Member("somebody", OWNER, "submitter"), peer, request, b"proof", None, turns)
    call.guard(start, call, house.desk, house.lookup, house.watchers, house.engine, house.store)
    turns.line.pop()()
    await house.durable()
    held = [weakref.ref(turns), weakref.ref(peer.streams[1])]
    del turns, call
    gc.disable()
    try:
        house.desk.hear([started(1), started(2), ended(1), ended(2)])
        await house.durable()
        assert not peer.streams
        assert [one() for one in held] == [None, None]
    finally:
        gc.enable()
    house.engine.effects.clear()
