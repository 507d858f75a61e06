"""Event streams that are left in the middle, again and again, with a real worker: it permits one identity 64 of them at a time."""

from __future__ import annotations

import asyncio
import contextlib

from interruptions import interrupted_at_line

from jobwire import AsyncClient, Client
from jobwire.client.sockets.addressee import Context

TIMES = 150
SECONDS = 60


def test_interrupted_streams_of_events_do_not_use_up_what_is_permitted(client: Client) -> None:
    for step in range(TIMES):
        events = client.events(timeout=SECONDS)
        # A handler of a signal that another thread took may raise anywhere.
        with contextlib.suppress(KeyboardInterrupt), events, interrupted_at_line(10 + step % 70):
            for _ in events:
                pass


async def leave_streams(context: Context) -> None:
    async with AsyncClient(context) as client:

        async def read() -> None:
            async with client.events(timeout=SECONDS) as events:
                async for _ in events:
                    pass

        for turns in range(TIMES):
            reading = asyncio.ensure_future(read())
            for _ in range(turns % 30):
                await asyncio.sleep(0)
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading
            # The worker has answered everything before: a stream that was left is given back when its answer comes.
            assert [info async for info in client.list()] == []


def test_cancelled_tasks_that_read_events_do_not_use_up_what_is_permitted(context: Context) -> None:
    asyncio.run(leave_streams(context))
