"""The schedules of an asynchronous client: the requests that it sends, which are those of the blocking one."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest

from jobwire.client.asynchronous.loop.session import AsyncSession
from jobwire.client.asynchronous.schedules import AsyncSchedules
from jobwire.client.library.requests import schedules
from jobwire.client.library.schedules import Schedules
from jobwire.client.library.session import Session
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.naming import JobKey
from jobwire.schemas.refusal import Code, Refused
from jobwire.schemas.wire_codec import key_to_wire

KEY = JobKey(b"o" * 32, b"s" * 16)
JOB = b"j" * 16


class Worker:
    """Answers every request, and lists a schedule a page."""

    def __init__(self) -> None:
        self.asked: list[request_pb2.Request] = []
        self.connection = self

    async def open(self) -> None: ...

    def answer(self, request: request_pb2.Request, content: str) -> request_pb2.Reply:
        self.asked.append(request)
        info = request_pb2.ScheduleInfo(key=key_to_wire(KEY), name=f"s{len(self.asked)}", overlap=request_pb2.OVERLAP_STOP)
        match content:
            case "query_schedule":
                return request_pb2.Reply(query_schedule=request_pb2.QueryScheduleReply(schedule=info))
            case "stage":
                return request_pb2.Reply(stage=request_pb2.StageReply())
            case "list_schedules":
                page = b"" if request.list_schedules.page else b"more"
                return request_pb2.Reply(list_schedules=request_pb2.ListSchedulesReply(schedules=[info], next_page=page))
            case _:
                return request_pb2.Reply(done=request_pb2.Done())


def _content(request: request_pb2.Request) -> str:
    """Return what a request is answered with that is passed on without a session."""
    verb = request.WhichOneof("verb") or ""
    return verb if verb in {"stage", "list_schedules"} else "query_schedule"


class Blocking(Worker):
    def hello(self) -> request_pb2.HelloReply:
        return request_pb2.HelloReply(kind="worker")

    def call(self, request: request_pb2.Request) -> request_pb2.Reply:
        return self.answer(request, _content(request))

    def reply(self, request: request_pb2.Request, content: str) -> request_pb2.Reply:
        return self.answer(request, content)


class Waiting(Worker):
    async def hello(self) -> request_pb2.HelloReply:
        return request_pb2.HelloReply(kind="worker")

    async def call(self, request: request_pb2.Request) -> request_pb2.Reply:
        return self.answer(request, _content(request))

    async def reply(self, request: request_pb2.Request, content: str) -> request_pb2.Reply:
        return self.answer(request, content)


CALLS: list[tuple[str, tuple[object, ...], dict[str, object]]] = [
    ("add", ("n", ["true"]), {"cron": "@daily", "zone": "UTC", "overlap": "stop", "missed": "all", "id": KEY.id}),
    (
        "add_batch",
        ("n", [["true"], ["false"]]),
        {"cron": "@daily", "zone": "UTC", "overlap": "queue", "missed": "skip", "id": KEY.id, "parallel": 2, "on_finish": ["notify"]},
    ),
    ("get", ("n", KEY.owner), {}),
    ("list", (KEY.owner,), {}),
    ("pause", (KEY,), {}),
    ("resume", (KEY,), {}),
    ("run_now", (KEY, JOB), {}),
    ("remove", (KEY,), {}),
]


@pytest.mark.parametrize(("name", "args", "options"), CALLS, ids=[name for name, _, _ in CALLS])
async def test_both_clients_ask_the_same_and_return_the_same(
    name: str, args: tuple[Any, ...], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "wall_us", lambda: 1_000_000)
    one, other = Blocking(), Waiting()
    returned = getattr(Schedules(cast("Session", one)), name)(*args, **options)
    waited = getattr(AsyncSchedules(cast("AsyncSession", other)), name)(*args, **options)
    if isinstance(waited, AsyncIterator):
        assert isinstance(returned, Iterator)
        found = list(returned)
        assert [each async for each in waited] == found
        assert [each.name for each in found] == ["s1", "s2"]
    else:
        assert await waited == returned
    assert one.asked == other.asked


def test_both_have_the_same_methods_with_the_same_options() -> None:
    names = {name for name in vars(Schedules) if not name.startswith("_")}
    assert names == {name for name, _, _ in CALLS} == {name for name in vars(AsyncSchedules) if not name.startswith("_")}
    for name in names:
        one, other = (inspect.signature(getattr(kind, name)).parameters for kind in (Schedules, AsyncSchedules))
        assert list(one.values()) == list(other.values()), name


async def test_what_is_no_overlap_is_refused_before_anything_is_sent() -> None:
    worker = Waiting()
    with pytest.raises(Refused, match="'later' is not a value of overlap") as refused:
        await AsyncSchedules(cast("AsyncSession", worker)).add("n", ["true"], cron="@daily", zone="UTC", overlap="later")
    assert (refused.value.code, worker.asked) == (Code.INVALID_ARGUMENT, [])
    with pytest.raises(Refused, match="not UTF-8"):
        await AsyncSchedules(cast("AsyncSession", worker)).get("\udcff")


async def test_run_now_makes_an_id_unless_it_is_given_one() -> None:
    worker = Waiting()
    made = await AsyncSchedules(cast("AsyncSession", worker)).run_now(KEY)
    assert (len(made), worker.asked[0].change_schedule.run_now) == (16, made)
