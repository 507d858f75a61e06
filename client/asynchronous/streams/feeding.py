"""Feed a job from a source, as far as the worker allows; for event loops."""

from __future__ import annotations

import asyncio
import os

from ....schemas.naming import JobKey
from ...library.streams.feeder import feed_request
from ...library.streams.source import Source
from ..loop.connection import AsyncConnection


async def feed(connection: AsyncConnection, key: JobKey, source: Source) -> None:
    """Feed an acknowledged job until it has everything, or takes no more. Raises the refusal, and OSError of the source."""
    exchange = connection.ask(feed_request(key))
    try:
        while not exchange.ended:
            room = exchange.feeding.room if exchange.feeding is not None else 0
            if not room:
                await connection.news(exchange)
                continue
            data = source.read(room)
            if data is None:
                await _until_readable(source.fd)
            else:
                connection.feed(exchange, data)
                # Files always have something, and others want their turn.
                await asyncio.sleep(0)
        if exchange.refusal is not None:
            raise exchange.refusal.anew()
    finally:
        connection.forget(exchange)


async def _until_readable(fd: int) -> None:
    if fd < 0:
        await asyncio.sleep(0)
        return
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    # The loop of the program may watch this descriptor already.
    own = os.dup(fd)
    try:
        loop.add_reader(own, _resolve, readable)
        await readable
    finally:
        loop.remove_reader(own)
        os.close(own)


def _resolve(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)
