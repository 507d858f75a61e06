"""Run one job to its end from an event loop: whatever ends the wait early also ends the job."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from ..library.completed_job import CompletedJob
from ..library.specs import Duration, seconds
from ..library.text_mode import TextMode
from ..protocol.exchange import Exchange
from .job import AsyncJob
from .session import AsyncSession
from .verbs import in_any_case, stop_unwanted

# After the grace: how long it may take until no process of a stopped job is left.
_STOPPED_SECONDS = 60.0


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
            await in_any_case(session, stop_unwanted(session, start, [job.record]))
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOPPED_SECONDS + seconds(grace or 0)):
                    await output.finish()
            raise job.timed_out(timeout, output.stdout, output.stderr, mode) from None
        except BaseException:
            await in_any_case(session, stop_unwanted(session, start, [job.record]))
            raise
        return job.completed(output.stdout, output.stderr)
    finally:
        output.close()
