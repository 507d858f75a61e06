"""Batches that are staged in parts, sent to the handlers of a desk as a client sends them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from answers import Answers
from desk_house import OWNER, House

from jobwire.broker.requests.call import Call
from jobwire.broker.requests.reads.hello import Introduction
from jobwire.broker.sockets.peers import Peer
from jobwire.broker.sockets.unread import Account, Meter
from jobwire.keys.members.limits import EVERYBODYS, Limits
from jobwire.keys.members.rights import ROLES, Member
from jobwire.schemas.batches.parts import hash_of_job, hash_of_part, hash_of_rerun
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.refusal import Refused

RUN = b"r" * 16


class PlentyOfTime:
    """Turns in which there is always time left."""

    queued = 0

    def time_left(self) -> bool:
        return True

    def call_soon(self, callback: Callable[[], object], /) -> None:
        asyncio.get_running_loop().call_soon(callback)

    def call_later(self, _delay: float, _callback: Callable[[], object], /) -> object:
        raise NotImplementedError


def new_job(number: int, **spec: Any) -> request_pb2.NewJob:
    return request_pb2.NewJob(id=b"%016d" % number, spec=job_pb2.JobSpec(**{"argv": [b"true"], **spec}))


def job_id(number: int) -> bytes:
    return b"%016d" % number


def hash_of(jobs: Sequence[request_pb2.NewJob]) -> bytes:
    return hash_of_part([hash_of_job(job.id, job.spec.SerializeToString()) if job.HasField("spec") else hash_of_rerun(job) for job in jobs])


async def ask(
    house: House, *, owner: bytes = OWNER, limits: Limits = EVERYBODYS, job: bytes = b"", proof: bytes = b"", **verb: Any
) -> request_pb2.Reply:
    """Return the one reply to a request. Raises what is refused."""
    member = Member("somebody", owner, "operator", limits, job, may_do=ROLES["submitter"])
    answers = Answers()
    table = house.handlers(Introduction("worker", "", b"", b"", b"", lambda: "", lambda: 1), lambda _: member)
    request = request_pb2.Request(id=1, **verb)
    peer = Peer(b"r", Meter(-1, b""), Account(owner), answers)
    call = Call(member, peer, request, proof or request.SerializeToString(), None, PlentyOfTime())  # type: ignore[arg-type] # reason: a double
    call.guard(table[request.WhichOneof("verb") or ""], call)
    async with asyncio.timeout(60):
        while not (answers.replied or answers.refused):
            await house.durable()
    if answers.refused:
        raise answers.refused[0]
    reply: request_pb2.Reply = answers.replied[0]
    return reply


async def stage(house: House, number: int, jobs: Sequence[request_pb2.NewJob], run: bytes = RUN, **how: Any) -> request_pb2.StageReply:
    for_schedule = how.pop("for_schedule", False)
    return (await ask(house, stage=request_pb2.Stage(jobs=jobs, batch=run, number=number, for_schedule=for_schedule), **how)).stage


async def commit(house: House, parts: Sequence[Sequence[request_pb2.NewJob]], run: bytes = RUN, **how: Any) -> request_pb2.Acknowledged:
    batch = how.pop("batch", job_pb2.Batch(id=run, name="nightly"))
    request = request_pb2.Commit(batch=batch, parts=map(hash_of, parts))
    return (await ask(house, commit=request, **how)).acknowledged


async def refusal(asking: Any) -> Refused:
    try:
        await asking
    except Refused as refused:
        return refused
    raise AssertionError("it was not refused")
