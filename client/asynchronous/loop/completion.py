"""Jobs in the order in which they end, for `async for`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from ..job import AsyncJob
from .ends import Waiting
from .limit import Deadline, Limit
from .session import AsyncSession


async def completed(session: AsyncSession, jobs: Iterable[AsyncJob], deadline: Deadline) -> AsyncIterator[AsyncJob]:
    """Iterate over jobs in the order in which they end, after those that ended earlier; each job once.

    Raises TimeoutError if not all have ended by the `deadline`.
    """
    by_record = {job.record: job for job in jobs}
    async with Limit(deadline):
        await session.connection.open()
    with Waiting(session.ends, by_record) as waiting:
        while True:
            # Not one time limit around all: it would end what the consumer does between two jobs.
            async with Limit(deadline):
                record = await waiting.next()
            if record is None:
                return
            yield by_record[record]
