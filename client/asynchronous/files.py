"""Send, put and fetch files from an event loop; the parts shared with the blocking client are in ../files.

Files are read and written in threads. A call that is cancelled waits for the piece that a thread is working on, and leaves nothing
incomplete.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from ...schemas.generated import request_pb2
from ...schemas.naming import JobKey
from ...schemas.refusal import Reason, Refused
from ..files import placing
from ..files.fetching import FetchedFile, Fetching, fetch_request
from ..files.local_files import Chosen
from ..files.sending import AT_ONCE, Reading, local_files, put_request
from .loop.connection import AsyncConnection

_Result = TypeVar("_Result")


async def in_thread(work: Callable[[], _Result]) -> _Result:
    """Return the result of a call in a thread; if this is cancelled, it waits for the thread nevertheless."""
    working = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise


async def send_files(connection: AsyncConnection, wanted: Iterable[object]) -> None:
    """Send the files of jobs that the worker does not have. Raises Refused."""
    if files := local_files(wanted):
        await _send_all(connection, [(put_request(file), Reading(file)) for file in files])


async def put(connection: AsyncConnection, key: JobKey, chosen: Sequence[Chosen]) -> None:
    """Put files and folders into the folder of a job; see `placing.put`."""
    for some in placing.parts(chosen):
        await connection.call(placing.place_request(key, [placing.to_be_checked(one) for one in some], only_check=True))
        for left in reversed(range(placing.ATTEMPTS)):
            readings = [Reading(one, hashes=True) for one in some]
            await _send_all(connection, [(placing.upload_request(key, one), reading) for one, reading in zip(some, readings, strict=True)])
            files = [await in_thread(partial(placing.sent, one, reading)) for one, reading in zip(some, readings, strict=True)]
            try:
                await connection.call(placing.place_request(key, files))
            except Refused as refused:
                if refused.reason is not Reason.FILES_MISSING or not left:
                    raise
            else:
                break


async def _send_all(connection: AsyncConnection, contents: Sequence[tuple[request_pb2.Request, Reading]]) -> None:
    some_at_once = asyncio.Semaphore(AT_ONCE)

    async def send(request: request_pb2.Request, reading: Reading) -> None:
        async with some_at_once:
            exchange = connection.ask(request)
            try:
                while not exchange.ended:
                    uploading = exchange.uploading
                    if uploading is None or not uploading.room:
                        await connection.news(exchange)
                        continue
                    number, position = exchange.number, uploading.position
                    data = await in_thread(partial(reading.read, position, uploading.room))
                    # The connection may have been lost meanwhile.
                    if (exchange.number, uploading.position) == (number, position) and uploading.room >= len(data):
                        connection.feed(exchange, data)
                if exchange.refusal is not None:
                    raise exchange.refusal.anew()
            finally:
                connection.forget(exchange)
                reading.close()

    try:
        async with asyncio.TaskGroup() as group:
            for request, reading in contents:
                group.create_task(send(request, reading))
    except BaseExceptionGroup as group:
        # The first one cancelled the others.
        raise group.exceptions[0] from None


async def fetch(connection: AsyncConnection, key: JobKey, path: bytes, place: bytes, default_name: bytes) -> FetchedFile:
    """Fetch `path` of a job's folder to `place`; see `fetching.fetch`."""
    exchange = connection.ask(fetch_request(key, path))
    fetching = Fetching(path, place, default_name)
    try:
        while True:
            item = await connection.next(exchange)
            found = await in_thread(partial(fetching.take, item))
            if found is not None:
                return found
    finally:
        connection.forget(exchange)
        fetching.close()
