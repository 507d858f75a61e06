"""Actions on jobs from an event loop: start, stop and forget them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from ....schemas.generated import job_pb2, request_pb2
from ....schemas.jobs.spec import JobSpec
from ....schemas.naming import JobKey, new_id
from ...library.known_jobs import Record
from ...library.options.arguments import Duration
from ...library.values.job_info import JobInfo
from ...library.values.results import BatchInfo, Forgotten
from ...library.verbs import actions
from ...protocol.exchange import Exchange
from ..files import send_files
from ..loop.session import AsyncSession
from ..questions import ask_all

if TYPE_CHECKING:
    from ...library.requests.staging import Parts

_Result = TypeVar("_Result")
# A worker that does not answer must not delay a cancellation forever.
_STOP_ACKNOWLEDGED_SECONDS = 5.0


async def request_stop(session: AsyncSession, records: Sequence[Record], signal: int | None, grace: Duration | None) -> None:
    """Start to stop jobs; returns once the worker has accepted that."""
    await session.connection.open()
    for request, some in actions.stop_requests(records, signal, grace):
        exchange = session.connection.ask(request)
        try:
            await session.acknowledged(exchange, some)
        except BaseException:
            session.connection.forget(exchange)
            raise


async def forget(session: AsyncSession, keys: Sequence[JobKey]) -> Forgotten:
    """Remove jobs with their logs and return how many."""
    return actions.forgotten([(await session.reply(request, "forget")).forget for request in actions.forget_requests(keys)])


async def start_jobs(
    session: AsyncSession,
    wanted: Sequence[JobSpec | JobKey],
    ids: Sequence[bytes] | None,
    *,
    batch: BatchInfo | None = None,
    watch: bool = True,
    tail_lines: int | None = None,
    feed: bool = False,
    withdrawn: bool | None = None,
    found: Mapping[JobKey, JobInfo] = MappingProxyType({}),
) -> list[Record]:
    """Start jobs, all or none, and return what is known about them; see `starts.start`.

    If this is cancelled, no job runs or all are stopped, unless the caller made their `ids`; `withdrawn` overrides that.
    """
    await session.connection.open()
    await send_files(session.connection, wanted)
    made = ids or [new_id() for _ in wanted]
    if not feed and actions.is_large(wanted):
        features, run = (await session.connection.hello()).features, batch or actions.run_of(made)
        if actions.takes_parts(run, features, wanted):
            return await _start_staged(session, actions.by_id(made, wanted), run, found, withdrawn=not ids)
    watch = watch and session.may_watch
    again = await _find_specs(session, dict(zip(made, wanted, strict=True)))
    request = actions.start_request(wanted, made, batch=batch, watch=watch, tail_lines=tail_lines, feed=feed, again=again)
    exchange = session.connection.ask(request)
    # While the worker records them.
    records = [session.known_jobs.record(JobKey(session.connection.owner, job_id)) for job_id in made]
    await submitted(session, exchange, records, withdrawn=not ids if withdrawn is None else withdrawn)
    return records


async def _find_specs(session: AsyncSession, wanted: Mapping[bytes, JobSpec | JobKey]) -> dict[JobKey, job_pb2.JobSpec]:
    """Return the specs of the reruns among these, by their new ids; none if naming the jobs is enough."""
    if all(isinstance(job, JobSpec) for job in wanted.values()) or (hello := await session.connection.hello()).kind != "broker":
        return {}
    from ...library.requests import reruns  # noqa: PLC0415 -- most programs run nothing again

    again = reruns.runs_again(wanted, hello)
    return reruns.specs_of(again, await ask_all(session.connection, reruns.questions(wanted, again, session.connection.owner, hello)))


async def _start_staged(
    session: AsyncSession,
    wanted: Mapping[bytes, JobSpec | JobKey],
    batch: BatchInfo,
    found: Mapping[JobKey, JobInfo],
    *,
    withdrawn: bool,
) -> list[Record]:
    from ...library.requests.staging import Parts, steps  # noqa: PLC0415 -- few batches are large
    from ..dialogue import carry_out  # noqa: PLC0415 -- as above

    keys = [JobKey(session.connection.owner, job_id) for job_id in wanted]
    if again := {own: job for own, job in wanted.items() if isinstance(job, JobKey)}:
        parts = await _parts_again(session, again, batch, found)
    else:
        parts = Parts(batch, [*wanted], [job for job in wanted.values() if isinstance(job, JobSpec)])
    if parts is None:
        return actions.accepted(session.known_jobs, keys, request_pb2.Acknowledged(known=len(keys)))
    try:
        acknowledged = await carry_out(session.connection, steps(parts))
    except asyncio.CancelledError:
        if withdrawn:
            await in_any_case(session, _withdraw(session, batch.id))
        raise
    return actions.accepted(session.known_jobs, keys, acknowledged)


async def _parts_again(
    session: AsyncSession, again: Mapping[bytes, JobKey], batch: BatchInfo, found: Mapping[JobKey, JobInfo]
) -> Parts | None:
    """Return the parts of a run of reruns; None if it has all of them already."""
    from ...library.requests import staged_reruns  # noqa: PLC0415 -- most programs run nothing again

    known = session.list_jobs(request_pb2.List(all=True, batch=batch.id, owner=session.connection.owner))
    if staged_reruns.is_repeated(again, [info async for info in known]):
        return None
    told = await ask_all(session.connection, staged_reruns.questions_about(again.values(), found))
    return staged_reruns.parts_again(batch, again, staged_reruns.all_known(found, told), await _find_specs(session, again))


async def _withdraw(session: AsyncSession, run: bytes) -> None:
    """Remove what is staged of a run; if it was committed meanwhile, stop it."""
    if session.connection.closed:
        return
    with suppress(Exception):
        async with asyncio.timeout(_STOP_ACKNOWLEDGED_SECONDS):
            await session.connection.call(request_pb2.Request(unstage=request_pb2.Unstage(batch=run)))
            await session.connection.call(request_pb2.Request(stop=request_pb2.Stop(selection=request_pb2.Selection(batch=run))))


async def submitted(session: AsyncSession, start: Exchange, records: Sequence[Record], *, withdrawn: bool) -> None:
    """Wait until a start is acknowledged. If this is cancelled and the jobs are to be `withdrawn`, they are stopped."""
    try:
        await session.acknowledged(start, records)
    except asyncio.CancelledError:
        if withdrawn:
            await in_any_case(session, stop_unwanted(session, start, records))
        else:
            session.connection.forget(start)
        raise
    except BaseException:
        session.connection.forget(start)
        raise


async def in_any_case(session: AsyncSession, rest: Coroutine[None, None, _Result]) -> _Result:
    """Wait for this and return its result; if this is cancelled too, it continues, and `close` waits for it."""
    return await asyncio.shield(session.go_on_with(rest))


async def stop_unwanted(session: AsyncSession, start: Exchange, records: Sequence[Record]) -> bool:
    """Stop jobs that nobody waits for any more, and return whether the worker accepts that within a few seconds.

    If it does not respond, they are stopped when it does again, unless the client is closed before.
    """
    if start.refusal is not None or session.connection.closed:
        return False
    # Never sent: the worker knows nothing of it.
    if not start.number:
        session.connection.forget(start)
        return False
    with suppress(Exception):
        try:
            async with asyncio.timeout(_STOP_ACKNOWLEDGED_SECONDS):
                # Only a job that was acknowledged can be stopped, and it may still be under way.
                if any(record.state is None for record in records):
                    try:
                        await session.acknowledged(start, records)
                    except BaseException:
                        # It must not be sent again when the connection is back.
                        session.connection.forget(start)
                        raise
                await _stop_living(session, records)
        except TimeoutError:
            session.go_on_until_closed(_stop_late(session, records))
            return False
        return True
    return False


async def _stop_living(session: AsyncSession, records: Sequence[Record]) -> None:
    if living := [record for record in records if record.outcome is None]:
        await request_stop(session, living, None, None)


async def _stop_late(session: AsyncSession, records: Sequence[Record]) -> None:
    """Stop jobs when the worker responds again. It may not know them, if their start never reached it."""
    if (notice := session.connection.notice) is not None:
        what = "a job that is no longer waited for is" if len(records) == 1 else f"{len(records)} jobs that are no longer waited for are"
        notice(f"the worker does not respond: {what} stopped as soon as it does")
    with suppress(Exception):
        await _stop_living(session, records)
