"""A start that runs jobs again by their keys: what becomes of it, who may do it, and that nothing runs twice."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from answers import Answers
from desk_house import OWNER, EngineDouble, House, asked, ended, key, started

from jobwire.broker.fairness.turns import Turns
from jobwire.broker.jobs.job import BatchRun, Job
from jobwire.broker.requests.call import Call
from jobwire.broker.requests.start import start
from jobwire.broker.retention.forget import Forgotten
from jobwire.broker.sockets.peers import Peer
from jobwire.broker.sockets.unread import Account, Meter
from jobwire.broker.store import tables
from jobwire.keys.members.rights import Member
from jobwire.schemas import frames
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import JobKey, format_id
from jobwire.schemas.refusal import Code, Reason, Refused
from jobwire.schemas.wire_codec import key_to_wire

STRANGER = b"s" * 32
ME = Member("somebody", OWNER, "submitter")
SPEC = job_pb2.JobSpec(argv=[b"cat", b"\xff"], stdin=b"a\0b", name="reads", time_limit_ms=5000, labels=[job_pb2.Label(name="l", value="v")])


async def send(
    house: House, *jobs: request_pb2.NewJob, member: Member = ME, proof: bytes = b"proof", first_store: bytes = b""
) -> request_pb2.Acknowledged | Refused:
    """Send a start and return its answer."""
    answers = Answers()
    turns = Turns(asyncio.get_running_loop())
    request = request_pb2.Request(id=1, start=request_pb2.Start(jobs=jobs, first_store=first_store))
    peer = Peer(b"r", Meter(-1, b""), Account(member.key), answers)
    call = Call(member, peer, request, proof, None, turns)
    call.guard(start, call, house.desk, house.lookup, house.watchers, house.engine, house.store)
    while not answers.refused and not answers.replied:
        await house.durable()
    return answers.refused[0] if answers.refused else answers.replied[0].acknowledged


async def refusal(house: House, *jobs: request_pb2.NewJob, member: Member = ME) -> Refused:
    answer = await send(house, *jobs, member=member)
    assert isinstance(answer, Refused), "it was accepted"
    return answer


async def known(house: House, *jobs: request_pb2.NewJob, member: Member = ME, first_store: bytes = b"") -> int:
    answer = await send(house, *jobs, member=member, first_store=first_store)
    assert not isinstance(answer, Refused), answer
    return answer.known


def new(number: int, spec: job_pb2.JobSpec = SPEC) -> request_pb2.NewJob:
    return request_pb2.NewJob(id=key(number).id, spec=spec)


def again(number: int, before: JobKey) -> request_pb2.NewJob:
    return request_pb2.NewJob(id=key(number).id, rerun=key_to_wire(before))


def found(house: House, which: JobKey) -> Job:
    job = house.lookup.job(which)
    assert job is not None
    return job


async def forget(house: House, number: int) -> None:
    house.desk.hear([started(number), ended(number)])
    await house.durable()
    results: list[Forgotten | Refused] = []
    house.forgetting.forget([key(number)], results.append)
    await house.durable()
    assert [result.jobs for result in results if isinstance(result, Forgotten)] == [1]


async def test_a_rerun_has_the_whole_spec_of_the_job_before_its_input_included(house: House) -> None:
    assert await known(house, new(1)) == 0
    assert await known(house, again(2, key(1))) == 0
    first, second = found(house, key(1)), found(house, key(2))
    assert second.spec == first.spec
    assert second.spec.stdin == b"a\0b"
    assert second.digest == first.digest
    assert (second.rerun_of, first.rerun_of) == (key(1), None)
    assert ("start", second.attempt.key) in house.engine.effects
    house.engine.effects.clear()


async def test_the_job_before_is_known_after_a_restart_and_when_both_have_ended(house: House) -> None:
    await known(house, new(1))
    await known(house, again(2, key(1)))
    house.desk.hear([started(1), ended(1), started(2), ended(2)])
    await house.durable()
    await house.restart()
    assert found(house, key(2)).rerun_of == key(1)
    assert await known(house, again(3, key(2))) == 0
    assert found(house, key(3)).spec.stdin == b"a\0b"
    house.engine.effects.clear()


async def test_a_repeated_rerun_starts_nothing_even_if_the_job_before_was_forgotten(house: House) -> None:
    await known(house, new(1))
    await known(house, again(2, key(1)))
    assert await known(house, again(2, key(1))) == 1
    await forget(house, 1)
    assert await known(house, again(2, key(1))) == 1
    # A store that was rebuilt meanwhile knows it too.
    assert await known(house, again(2, key(1)), first_store=b"x" * 16) == 1
    assert await known(house, new(2)) == 1
    await house.restart()
    assert await known(house, again(2, key(1))) == 1
    assert house.store.read("SELECT count(*) FROM jobs") == [(1,)]
    house.engine.effects.clear()


async def test_a_rerun_that_was_forgotten_never_runs_again(house: House) -> None:
    await known(house, new(1))
    await known(house, again(2, key(1)))
    await forget(house, 2)
    refused = await refusal(house, again(2, key(1)))
    assert (refused.code, refused.reason) == (Code.ALREADY_EXISTS, Reason.FORGOTTEN)
    await forget(house, 1)
    refused = await refusal(house, again(2, key(1)))
    assert (refused.code, refused.reason, refused.job_index) == (Code.ALREADY_EXISTS, Reason.FORGOTTEN, 0)
    assert "never run again" in refused.message
    house.engine.effects.clear()


async def test_a_job_that_was_forgotten_cannot_be_run_again_and_that_is_said(house: House) -> None:
    await known(house, new(1))
    await forget(house, 1)
    refused = await refusal(house, again(2, key(1)))
    assert (refused.code, refused.reason, refused.job_index) == (Code.NOT_FOUND, Reason.FORGOTTEN, 0)
    assert "cannot be run again" in refused.message
    house.engine.effects.clear()


async def test_an_id_of_another_job_is_refused_to_a_rerun(house: House) -> None:
    await known(house, new(1), new(3, job_pb2.JobSpec(argv=[b"other"])))
    refused = await refusal(house, again(3, key(1)))
    assert (refused.code, refused.reason) == (Code.ALREADY_EXISTS, Reason.ID_TAKEN)
    # It belongs to a rerun of another job, which is all that is left to compare.
    await forget(house, 1)
    assert (await refusal(house, again(3, key(1)))).reason is Reason.FORGOTTEN
    house.engine.effects.clear()


async def test_jobs_of_others_are_run_again_only_by_members_who_may_see_them(house: House) -> None:
    await known(house, new(1))
    unseen = await refusal(house, again(2, key(1)), member=Member("stranger", STRANGER, "submitter"))
    nothing = await refusal(house, again(2, key(9)), member=Member("stranger", STRANGER, "submitter"))
    assert (unseen.code, unseen.reason) == (nothing.code, nothing.reason) == (Code.NOT_FOUND, Reason.NO_SUCH_JOB)
    assert unseen.message == nothing.message.replace(format_id(key(9).id), format_id(key(1).id))
    assert (await refusal(house, again(2, key(1)), member=Member("viewer", STRANGER, "viewer"))).code is Code.PERMISSION_DENIED

    assert await known(house, again(2, key(1)), member=Member("operator", STRANGER, "operator")) == 0
    theirs = found(house, JobKey(STRANGER, key(2).id))
    assert theirs.rerun_of == key(1)
    # A repeated start is answered as before, also if the role has changed meanwhile.
    assert await known(house, again(2, key(1)), member=Member("operator", STRANGER, "submitter")) == 1
    house.engine.effects.clear()


async def test_a_key_that_is_too_short_is_refused(house: House) -> None:
    await known(house, new(1))
    short = request_pb2.NewJob(id=key(2).id, rerun=job_pb2.JobKey(id=b"short"))
    assert "16 bytes" in (await refusal(house, short)).message
    house.engine.effects.clear()


async def test_all_jobs_run_again_or_none(house: House) -> None:
    await known(house, new(1))
    refused = await refusal(house, again(2, key(1)), again(3, key(8)), new(4))
    assert refused.job_index == 1
    assert set(house.live) == {key(1)}
    assert await known(house, again(2, key(1)), new(4)) == 0
    house.engine.effects.clear()


async def test_inputs_that_are_not_sent_again_count_towards_the_size_of_a_start(house: House) -> None:
    await known(house, new(1, job_pb2.JobSpec(argv=[b"cat"], stdin=bytes(1_048_576))))
    most = frames.LARGEST_MESSAGE // 1_048_576
    refused = await refusal(house, *(again(number, key(1)) for number in range(2, most + 3)))
    assert refused.code is Code.INVALID_ARGUMENT
    assert str(frames.LARGEST_MESSAGE) in refused.message
    assert refused.job_index == most - 1
    assert await known(house, *(again(number, key(1)) for number in range(2, most))) == 0
    house.engine.effects.clear()


async def test_a_rerun_leaves_no_room_for_what_is_sent_beside_it(house: House) -> None:
    await known(house, new(1, job_pb2.JobSpec(argv=[b"cat"], stdin=bytes(100_000))))
    answer = await send(house, again(2, key(1)), proof=bytes(10_000))
    assert isinstance(answer, Refused)
    assert "10000 bytes" in answer.message
    house.engine.effects.clear()


async def test_a_run_keeps_the_name_and_width_that_it_was_first_submitted_with(house: House) -> None:
    run = b"r" * 16
    await house.accept(asked(1), batch=BatchRun(run, "nightly", 1))
    more = await house.accept(asked(2), asked(3), batch=BatchRun(run, "other", 10))
    assert [job.batch for job in more.jobs] == [BatchRun(run, "nightly", 1)] * 2
    assert [effect[0] for effect in house.engine.effects] == ["start"]
    house.desk.hear([started(1), ended(1)])
    await house.durable()
    assert [effect for effect in house.engine.effects if effect[0] == "start"] == [("start", (*key(1), 1)), ("start", (*key(2), 1))]
    house.engine.effects.clear()


async def test_a_store_from_before_reruns_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.db"
    with monkeypatch.context() as before:
        before.setattr(tables, "VERSION", 7)
        with closing(tables.connect(path)) as old:
            tables.prepare(old, path)
            old.execute(
                "INSERT INTO jobs (row, owner, id, digest, state, name, proof, spec, launched, queued_at)"
                " VALUES (1, ?, ?, ?, 1, '', 1, ?, 0, 5)",
                (*key(1), asked(1).digest, asked(1).raw),
            )
            with pytest.raises(sqlite3.OperationalError):
                old.execute("SELECT rerun_of FROM jobs")
    house = House(path, EngineDouble())
    house.open()
    await house.desk.recover()
    assert found(house, key(1)).rerun_of is None
    assert await known(house, again(2, key(1))) == 0
    assert found(house, key(2)).rerun_of == key(1)
    house.store.close()


async def test_a_rerun_may_say_what_it_runs_which_is_what_the_job_before_ran(house: House) -> None:
    waited = job_pb2.JobSpec(argv=[b"true"], held=True, after=[job_pb2.After(condition=job_pb2.CONDITION_ANY, job=key(1).id)])
    await send(house, new(1), new(2, waited))
    spec = job_pb2.JobSpec(argv=[b"true"], after=waited.after)
    named = request_pb2.NewJob(id=key(3).id, rerun=key_to_wire(key(2)), spec=spec)
    assert await known(house, named) == 0
    assert (found(house, key(3)).rerun_of, found(house, key(3)).spec.after) == (key(2), ())
    assert await known(house, named) == 1
    for other in (job_pb2.JobSpec(argv=[b"evil"]), waited, job_pb2.JobSpec()):
        refused = await refusal(house, request_pb2.NewJob(id=key(4).id, rerun=key_to_wire(key(2)), spec=other))
        assert refused.code is Code.INVALID_ARGUMENT
    house.engine.effects.clear()
