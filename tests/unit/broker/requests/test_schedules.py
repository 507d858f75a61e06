"""The requests about schedules: what they refuse, whose schedules they reach, and that a repeated one does nothing twice."""

from __future__ import annotations

from typing import Any

import pytest
from answers import Answers
from desk_house import OWNER, House

from jobwire.broker.requests import schedules
from jobwire.broker.requests.call import Call
from jobwire.broker.sockets.peers import Peer
from jobwire.broker.sockets.unread import Account, Meter
from jobwire.broker.store.rows import schedule_rows
from jobwire.keys.members.rights import Member
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.refusal import Code, Refused

ID, JOB = b"s" * 16, b"j" * 16
ADA = Member("ada", OWNER, "submitter")
BOB = Member("bob", b"b" * 32, "submitter")
VIEWER = Member("vera", b"v" * 32, "viewer")
OPERATOR = Member("olga", b"p" * 32, "operator")
MEMBERS = {member.key: member for member in (ADA, BOB, VIEWER, OPERATOR)}
HANDLERS = {
    "add_schedule": schedules.add_schedule,
    "change_schedule": schedules.change_schedule,
    "list_schedules": schedules.list_schedules,
    "query_schedule": schedules.query_schedule,
}


async def ask(house: House, member: Member = ADA, **verb: Any) -> request_pb2.Reply | Refused:
    """Return the answer to one request, once what it changed is durable."""
    answers = Answers()
    house.members = dict(MEMBERS)
    parts = schedules.Parts(
        house.timetable,
        house.starter,
        house.store,
        house.lookup,
        house.desk,
        house.engine,
        house.staging,
        MEMBERS.get,
        lambda: house.shortage(),  # noqa: PLW0108 -- another may be in its place by then
        lambda: house.now,
    )
    peer = Peer(b"r", Meter(-1, b""), Account(member.key), answers)
    request = request_pb2.Request(id=1, **verb)
    call = Call(member, peer, request, b"proof", None, None)  # type: ignore[arg-type] # reason: in one turn
    call.guard(HANDLERS[next(iter(verb))], call, parts)
    await house.durable()
    await house.durable()
    came: list[request_pb2.Reply | Refused] = [*answers.replied, *answers.refused]
    assert len(came) == 1
    return came[0]


def adding(**changed: Any) -> request_pb2.AddSchedule:
    spec = job_pb2.JobSpec(argv=[b"true"])
    return request_pb2.AddSchedule(**{"id": ID, "name": "tick", "spec": spec, "cron": "* * * * *", "zone": "UTC", **changed})


async def add(house: House, member: Member = ADA, **changed: Any) -> request_pb2.ScheduleInfo:
    answer = await ask(house, member, add_schedule=adding(**changed))
    assert isinstance(answer, request_pb2.Reply), answer
    return answer.query_schedule.schedule


async def refusal(house: House, member: Member = ADA, **verb: Any) -> Refused:
    answer = await ask(house, member, **verb)
    assert isinstance(answer, Refused), answer
    return answer


def change(owner: bytes = b"", **what: Any) -> request_pb2.ChangeSchedule:
    return request_pb2.ChangeSchedule(key=job_pb2.JobKey(owner=owner, id=ID), **what)


CHANGES: list[dict[str, Any]] = [{"paused": True}, {"paused": False}, {"run_now": JOB}, {"remove": True}]


# --- add


async def test_what_was_added_is_answered_and_adding_it_again_adds_nothing(house: House) -> None:
    first = await add(house)
    assert (first.name, first.owner_name, first.spec.name, len(first.next_us)) == ("tick", "ada", "tick", 5)
    assert (first.overlap, first.missed) == (request_pb2.OVERLAP_SKIP, request_pb2.MISSED_ONCE)
    assert await add(house) == first
    assert len(list(house.timetable.of(b""))) == 1
    assert (await refusal(house, add_schedule=adding(id=b"2" * 16))).code is Code.ALREADY_EXISTS
    # A name is that of one member.
    assert (await add(house, BOB, id=b"2" * 16)).owner_name == "bob"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"id": b"short"}, "16 bytes, not 5"),
        ({"name": ""}, "name"),
        ({"name": "last"}, "last"),
        ({"name": "x" * 129}, "name"),
        ({"cron": "* * * *"}, "five"),
        ({"cron": "61 * * * *"}, "61"),
        ({"zone": "Nowhere/Town"}, "Nowhere/Town"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"spec": job_pb2.JobSpec()}, "argv|program|argument"),
        ({"spec": job_pb2.JobSpec(argv=[b"true"], feed=True)}, "cannot have a streamed standard input"),
        ({"spec": job_pb2.JobSpec(argv=[b"true"], start_at_us=1)}, "cannot have a time of their own"),
        ({"spec": job_pb2.JobSpec(argv=[b"true"], start_in_ms=1)}, "cannot have a time of their own"),
        (
            {"spec": job_pb2.JobSpec(argv=[b"true"], after=[job_pb2.After(job=JOB, condition=job_pb2.CONDITION_OK)])},
            "cannot wait for other jobs",
        ),
        ({"spec": job_pb2.JobSpec(argv=[b"true"], held=True)}, "all be held"),
    ],
    ids=str,
)
async def test_a_schedule_that_could_start_nothing_is_refused(house: House, changed: dict[str, Any], message: str) -> None:
    refused = await refusal(house, add_schedule=adding(**changed))
    assert refused.code is Code.INVALID_ARGUMENT
    with pytest.raises(Refused, match=message):
        raise refused
    assert not list(house.timetable.of(b""))


async def test_what_a_later_version_may_know_is_refused_as_unknown(house: House) -> None:
    for field in ("overlap", "missed"):
        refused = await refusal(house, add_schedule=adding(**{field: 9}))
        assert (refused.code, f"the {field} 9" in refused.message) == (Code.UNIMPLEMENTED, True)


async def test_who_may_not_submit_jobs_may_not_add_a_schedule_of_them(house: House) -> None:
    assert (await refusal(house, VIEWER, add_schedule=adding())).code is Code.PERMISSION_DENIED
    above_others = adding(spec=job_pb2.JobSpec(argv=[b"true"], nice=-1))
    assert (await refusal(house, add_schedule=above_others)).code is Code.PERMISSION_DENIED


async def test_a_schedule_brings_files_that_the_worker_has(house: House) -> None:
    digest = b"d" * 32
    spec = job_pb2.JobSpec(argv=[b"true"], files=[job_pb2.JobFile(path=b"a", digest=digest, size=1, kind=job_pb2.FILE_KIND_FILE)])
    refused = await refusal(house, add_schedule=adding(spec=spec))
    assert (refused.code, list(refused.missing)) == (Code.FAILED_PRECONDITION, [digest])
    house.engine.depot.contents.add((OWNER, digest))
    assert (await add(house, spec=spec)).name == "tick"


async def test_more_schedules_than_a_member_may_have_and_a_full_disk_are_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await add(house)
    monkeypatch.setattr(schedule_rows, "MOST_SCHEDULES", 1)
    another = adding(id=b"2" * 16, name="tock")
    refused = await refusal(house, add_schedule=another)
    assert (refused.code, refused.message) == (Code.RESOURCE_EXHAUSTED, "there are 1 schedules of this member, which is the limit")
    # One that was added already is answered as before, and others have a limit of their own.
    assert (await add(house)).name == "tick"
    assert (await add(house, BOB)).name == "tick"
    monkeypatch.undo()
    house.shortage = lambda: Refused(Code.RESOURCE_EXHAUSTED, "the disk is full")
    assert (await refusal(house, add_schedule=another)).message == "the disk is full"
    assert (await add(house)).name == "tick"


# --- show and list


async def test_schedules_of_others_are_as_if_there_were_none(house: House) -> None:
    await add(house)
    unknown = await refusal(house, BOB, query_schedule=request_pb2.QuerySchedule(name="tick"))
    theirs: list[dict[str, Any]] = [{"name": "tick"}, {"name": "tick", "owner": OWNER}]
    for which in theirs:
        assert (await refusal(house, BOB, query_schedule=request_pb2.QuerySchedule(**which))).message == unknown.message
    by_id = request_pb2.QuerySchedule(id=ID, owner=OWNER)
    assert (await refusal(house, BOB, query_schedule=by_id)).code is Code.NOT_FOUND
    answer = await ask(house, BOB, list_schedules=request_pb2.ListSchedules(owner=OWNER))
    assert isinstance(answer, request_pb2.Reply)
    assert not answer.list_schedules.schedules
    for what in CHANGES:
        denied, nothing = (
            await refusal(house, BOB, change_schedule=change(OWNER, **what)),
            await refusal(house, BOB, change_schedule=change(**what)),
        )
        assert (
            (denied.code, denied.message)
            == (nothing.code, nothing.message)
            == (Code.NOT_FOUND, f"there is no schedule {'73' * 4}-7373-7373-7373-{'73' * 6}")
        )
    assert not (await add(house)).paused


async def test_whoever_sees_others_finds_theirs_and_their_own_first(house: House) -> None:
    await add(house)
    query = request_pb2.QuerySchedule(name="tick")
    answer = await ask(house, VIEWER, query_schedule=query)
    assert isinstance(answer, request_pb2.Reply)
    assert answer.query_schedule.schedule.owner_name == "ada"
    await add(house, BOB, id=b"2" * 16)
    refused = await refusal(house, VIEWER, query_schedule=query)
    assert (refused.code, refused.message) == (Code.INVALID_ARGUMENT, "2 members have a schedule tick")
    await add(house, OPERATOR, id=b"3" * 16)
    for chosen, owner_name in (
        (query, "olga"),
        (request_pb2.QuerySchedule(name="tick", owner=BOB.key), "bob"),
        (request_pb2.QuerySchedule(id=ID), "ada"),
    ):
        answer = await ask(house, OPERATOR, query_schedule=chosen)
        assert isinstance(answer, request_pb2.Reply)
        assert answer.query_schedule.schedule.owner_name == owner_name


async def test_what_a_job_reads_is_not_shown(house: House) -> None:
    info = await add(house, spec=job_pb2.JobSpec(argv=[b"cat"], stdin=b"secret"))
    assert not info.spec.stdin


async def test_schedules_are_listed_page_by_page_in_the_order_in_which_they_were_added(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (3, 1, 2):
        await add(house, id=bytes([number]) * 16, name=f"n{number}")
    monkeypatch.setattr(schedules, "_PAGE_BYTES", 0)
    names, page = [], b""
    while True:
        answer = await ask(house, list_schedules=request_pb2.ListSchedules(page=page))
        assert isinstance(answer, request_pb2.Reply)
        names += [one.name for one in answer.list_schedules.schedules]
        assert len(answer.list_schedules.schedules) <= 1
        if not (page := answer.list_schedules.next_page):
            break
    assert names == ["n3", "n1", "n2"]


# --- change


async def test_a_paused_schedule_has_no_next_time_until_it_is_resumed(house: House) -> None:
    await add(house)
    for paused, nexts in ((True, 0), (True, 0), (False, 5)):
        answer = await ask(house, change_schedule=change(paused=paused))
        assert isinstance(answer, request_pb2.Reply)
        assert answer.HasField("done")
        info = await add(house)
        assert (info.paused, len(info.next_us)) == (paused, nexts)


async def test_run_now_starts_one_job_however_often_it_is_asked(house: House) -> None:
    await add(house)
    for _ in range(2):
        assert isinstance(await ask(house, change_schedule=change(run_now=JOB)), request_pb2.Reply)
    house.engine.expect(("start", AttemptKey(OWNER, JOB, 1)))
    assert [(one.job, one.note) for one in (await add(house)).firings] == [(JOB, "started by ada")]
    assert "16 bytes" in (await refusal(house, change_schedule=change(run_now=b"short"))).message


async def test_a_schedule_that_was_removed_is_gone_and_removing_it_again_is_no_mistake(house: House) -> None:
    await add(house)
    for _ in range(2):
        assert isinstance(await ask(house, change_schedule=change(remove=True)), request_pb2.Reply)
    for what in CHANGES[:3]:
        assert (await refusal(house, change_schedule=change(**what))).code is Code.NOT_FOUND
    # Whoever is not its owner is told nothing of it.
    assert (await refusal(house, BOB, change_schedule=change(OWNER, remove=True))).code is Code.NOT_FOUND


async def test_who_only_sees_a_schedule_of_another_cannot_change_it_and_who_may_stop_jobs_cannot_start_them(house: House) -> None:
    await add(house)
    for what in CHANGES:
        assert (await refusal(house, VIEWER, change_schedule=change(OWNER, **what))).code is Code.PERMISSION_DENIED
    assert isinstance(await ask(house, OPERATOR, change_schedule=change(OWNER, paused=True)), request_pb2.Reply)
    refused = await refusal(house, OPERATOR, change_schedule=change(OWNER, run_now=JOB))
    assert (refused.code, refused.message) == (Code.PERMISSION_DENIED, "only its owner can start the job of a schedule")
    assert isinstance(await ask(house, OPERATOR, change_schedule=change(OWNER, remove=True)), request_pb2.Reply)


async def test_a_change_of_nothing_and_a_key_without_an_id_are_refused(house: House) -> None:
    await add(house)
    assert "changes nothing" in (await refusal(house, change_schedule=change())).message
    short = request_pb2.ChangeSchedule(key=job_pb2.JobKey(id=b"x"), remove=True)
    assert (await refusal(house, change_schedule=short)).code is Code.INVALID_ARGUMENT
