"""What is done to jobs from an event loop: start them, run one to its end, stop and forget them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ...schemas.naming import JobKey, new_id
from ...schemas.spec import JobSpec
from ..library import actions
from ..library.completed_job import CompletedJob
from ..library.known_jobs import Record
from ..library.results import BatchInfo, Forgotten
from ..library.specs import Duration, seconds
from ..library.text_mode import TextMode
from ..protocol.exchange import Exchange
from .session import AsyncSession

if TYPE_CHECKING:
    from .job import AsyncJob

# A worker that does not answer must not delay a cancellation forever.
_STOP_ACKNOWLEDGED_SECONDS = 5.0
# After the grace: how long it may take until no process of a stopped job is left.
_STOPPED_SECONDS = 60.0


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
) -> list[Record]:
    """Start jobs, all or none, and return what is known about them; see `actions.start_request`.

    If this is cancelled, no job runs or all are stopped, unless the caller made their `ids`.
    """
    await session.connection.open()
    made = ids or [new_id() for _ in wanted]
    records = [session.known_jobs.record(JobKey(session.connection.owner, job_id)) for job_id in made]
    request = actions.start_request(wanted, made, batch=batch, watch=watch and session.may_watch, tail_lines=tail_lines)
    await submitted(session, session.connection.ask(request), records, withdrawn=not ids)
    return records


async def submitted(session: AsyncSession, start: Exchange, records: Sequence[Record], *, withdrawn: bool) -> None:
    """Wait until a start is acknowledged. If that is cancelled and the jobs are to be `withdrawn`, they are stopped."""
    try:
        await session.acknowledged(start, records)
    except asyncio.CancelledError:
        if withdrawn:
            await _in_any_case(session, _stop(session, start, records))
        else:
            session.connection.forget(start)
        raise
    except BaseException:
        session.connection.forget(start)
        raise


async def run_to_end(
    session: AsyncSession, start: Exchange, job: AsyncJob, timeout: Duration | None, grace: Duration | None, mode: TextMode | None
) -> CompletedJob:
    """Wait for the end of a job whose start was just sent, and return its result. Whatever ends the wait early also ends the job.

    Raises the refusal, or `JobTimeout` with the output so far (decoded by `mode`) when `timeout` has passed.
    """
    output = job.collect()
    limit = asyncio.timeout(None if timeout is None else seconds(timeout))
    try:
        try:
            async with limit:
                await session.acknowledged(start, [job.record])
                await job.finish(output)
        except TimeoutError:
            if not limit.expired():
                raise
            await _in_any_case(session, _stop(session, start, [job.record]))
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOPPED_SECONDS + seconds(grace or 0)):
                    await output.finish()
            raise job.timed_out(timeout, output.stdout, output.stderr, mode) from None
        except BaseException:
            await _in_any_case(session, _stop(session, start, [job.record]))
            raise
        return job.completed(output.stdout, output.stderr)
    finally:
        output.close()


async def _in_any_case(session: AsyncSession, rest: Coroutine[None, None, None]) -> None:
    """Wait for this; if that is cancelled too, it goes on, and `close` waits for it."""
    await asyncio.shield(session.go_on_with(rest))


async def _stop(session: AsyncSession, start: Exchange, records: Sequence[Record]) -> None:
    """Stop jobs that nobody waits for any more, within a few seconds."""
    if start.refusal is not None or session.connection.closed:
        return
    # Never sent: the worker knows nothing of it.
    if not start.number:
        session.connection.forget(start)
        return
    with suppress(Exception):
        async with asyncio.timeout(_STOP_ACKNOWLEDGED_SECONDS):
            # Only a job that was acknowledged can be stopped, and it may still be under way.
            if any(record.state is None for record in records):
                try:
                    await session.acknowledged(start, records)
                except BaseException:
                    # It must not be sent again when the connection is back.
                    session.connection.forget(start)
                    raise
            living = [record for record in records if record.outcome is None]
            if living:
                await request_stop(session, living, None, None)
