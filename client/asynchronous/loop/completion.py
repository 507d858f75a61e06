"""Jobs in the order in which they end, for `async for`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable

from ...library.options.arguments import Duration, seconds
from ..job import AsyncJob
from .ends import Waiting
from .limit import limit_of
from .session import AsyncSession


async def completed(session: AsyncSession, jobs: Iterable[AsyncJob], timeout: Duration | None) -> AsyncIterator[AsyncJob]:
    """Iterate over jobs in the order in which they end, after those that ended earlier; each job once.

    Raises TimeoutError if not all have ended within `timeout` from the first iteration.
    """
    by_record = {job.record: job for job in jobs}
    deadline = None if timeout is None else seconds(timeout) + time.monotonic()
    await session.connection.open()
    with Waiting(session.ends, by_record) as waiting:
        while True:
            # Not one time limit around all: it would end what the consumer does between two jobs.
            async with limit_of(None if deadline is None else max(0.0, deadline - time.monotonic())):
                record = await waiting.next()
            if record is None:
                return
            yield by_record[record]
