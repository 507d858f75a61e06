"""Run one job to its end from an event loop: whatever ends the wait early also ends the job."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from ...library.options.arguments import Duration, seconds
from ...library.parting import Parting
from ...library.streams.source import Source
from ...library.streams.text_mode import TextMode
from ...library.values.completed_job import CompletedJob
from ...protocol.exchange import Exchange
from ..job import AsyncJob
from ..loop.limit import limit_of
from ..loop.session import AsyncSession
from ..streams.feeding import feed
from ..streams.output import Collecting
from .actions import in_any_case, stop_unwanted

# After the grace: how long it may take until no process of a stopped job is left.
_STOPPED_SECONDS = 60.0


async def run_to_end(
    session: AsyncSession,
    start: Exchange,
    job: AsyncJob,
    timeout: Duration | None,
    grace: Duration | None,
    mode: TextMode | None,
    *,
    source: Source | None = None,
) -> CompletedJob:
    """Wait for the end of a job whose start was just sent, and return its result. Whatever ends the wait early also ends the job.

    Raises the refusal, or `JobTimeout` with the output so far (decoded by `mode`) when `timeout` has passed.
    """
    output = job.collect()
    limit = limit_of(timeout)
    try:
        try:
            async with limit:
                await session.acknowledged(start, [job.record])
                await _finish(session, job, output, source)
        except TimeoutError:
            if not limit.expired():
                raise
            if await in_any_case(session, stop_unwanted(session, start, [job.record])):
                await _finish_stopped(session, job, output, time.monotonic() + _STOPPED_SECONDS + seconds(grace or 0))
            raise job.timed_out(timeout, output.stdout, output.stderr, mode) from None
        except BaseException:
            await in_any_case(session, stop_unwanted(session, start, [job.record]))
            raise
        return job.completed(output.stdout, output.stderr)
    finally:
        output.close()


async def _finish_stopped(session: AsyncSession, job: AsyncJob, output: Collecting, deadline: float) -> None:
    """Read what a job that is being stopped still writes, as long as the worker gives signs."""
    parting = Parting(session.connection)
    parting.begin()
    try:
        while (now := time.monotonic()) < deadline and not parting.turn([job.key] if job.outcome is None else []):
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(deadline, parting.due_at or deadline) - now)):
                    await output.finish()
                    return
    finally:
        parting.end()


async def _finish(session: AsyncSession, job: AsyncJob, output: Collecting, source: Source | None) -> None:
    """Read the output to its end, and feed the job meanwhile."""
    if source is None:
        await job.finish(output)
        return
    feeding = asyncio.ensure_future(feed(session.connection, job.key, source))
    finishing = asyncio.ensure_future(job.finish(output))
    try:
        # The job may end before its input does; what goes wrong with its input ends the wait.
        await asyncio.wait([feeding, finishing], return_when=asyncio.FIRST_COMPLETED)
        if not finishing.done():
            await feeding
        await finishing
    finally:
        for task in (feeding, finishing):
            task.cancel()
        await asyncio.gather(feeding, finishing, return_exceptions=True)
