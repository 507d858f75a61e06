"""What `AsyncClient` and its jobs share: the connection, what is known about jobs, and waiting for their ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from ....schemas.generated import job_pb2, request_pb2
from ....schemas.jobs.states import State
from ....schemas.refusal import Code, Refused
from ...library.known_jobs import KnownJobs, Record
from ...library.requests import filters
from ...library.requests.dialogue import reply_with
from ...library.requests.pages import Pages
from ...library.requests.queries import query_by_key
from ...library.values.job_info import JobInfo, job_info
from ...protocol.exchange import Exchange
from .connection import AsyncConnection, weakly
from .ends import Ends

_Result = TypeVar("_Result")
# With this many open watches no more are opened: a worker limits the streams of one connection. Ends are then heard as events.
MOST_WATCHES = 64


class AsyncSession:
    """One client's state, used from one event loop."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self.known_jobs = KnownJobs(connection.notice)
        self.ends = Ends(self.connection, self.known_jobs)
        # Logs of jobs that run are read as they are written, as long as not too many are.
        self.live_logs = asyncio.Semaphore(16)
        self._watches = 0
        # What goes on although its caller was cancelled, such as to stop a job.
        self._rest: set[asyncio.Task[Any]] = set()
        # The same, which ends with the connection.
        self._late: set[asyncio.Task[None]] = set()

    @property
    def may_watch(self) -> bool:
        """Whether one more start or stop can be watched."""
        return self._watches < MOST_WATCHES

    # --- requests

    async def reply(self, request: request_pb2.Request, content: str) -> request_pb2.Reply:
        """Send a request and return the content of its one reply. Raises the refusal."""
        await self.connection.open()
        return reply_with(content, await self.connection.call(request))

    async def all_done(self, requests: Iterable[request_pb2.Request]) -> None:
        """Send requests one after the other, each answered with `done`. Raises the refusal."""
        for request in requests:
            await self.reply(request, "done")

    async def query(self, record: Record) -> job_pb2.Job:
        """Return what the worker knows about one job."""
        job = (await self.reply(query_by_key(record.key), "query_one")).query_one.job
        self.known_jobs.learn_job(job)
        return job

    async def acknowledged(self, exchange: Exchange, records: Sequence[Record]) -> None:
        """Wait until a start or stop is acknowledged; after that its reports contain the ends of these jobs. Raises the refusal."""
        if await self.connection.next(exchange) is None:
            raise Refused(Code.INTERNAL, "the worker ended the request without acknowledging it")
        if exchange.verb == "start":
            for record in records:
                record.state = record.state or State.QUEUED
        if exchange.is_stream:
            self._watches += 1
            for record in records:
                record.watch = exchange
            self.connection.on_news(exchange, weakly(self._reported, exchange))
            self._reported(exchange)

    def _reported(self, exchange: Exchange) -> None:
        if self.connection.closed:
            return
        while (item := self.connection.take(exchange)) is not None:
            if isinstance(item, request_pb2.Reply) and item.HasField("reports"):
                self.known_jobs.learn_reports(item.reports)
        if exchange.ended:
            self._watches -= 1
            self.connection.forget(exchange)
            self.ends.watch_ended(exchange)

    async def list_jobs(self, wanted: request_pb2.List, limit: int | None = None) -> AsyncIterator[JobInfo]:
        """Iterate over the jobs of a list, page by page, at most this many; between two pages nothing is open."""
        pages = Pages(request_pb2.Request(list=wanted), lambda reply: [*map(job_info, reply.list.jobs)], limit)
        while (request := pages.request) is not None:
            await self.connection.open()
            filters.demand(wanted, (await self.connection.hello()).features)
            for info in pages.take(await self.connection.call(request)):
                yield info

    # --- what outlives its caller

    def go_on_with(self, rest: Coroutine[None, None, _Result]) -> asyncio.Task[_Result]:
        """Run this to its end even if its caller is cancelled; `close` waits for it."""
        task = asyncio.get_running_loop().create_task(rest)
        self._rest.add(task)
        task.add_done_callback(self._rest.discard)
        return task

    def go_on_until_closed(self, rest: Coroutine[None, None, None]) -> None:
        """Run this in the background; `close` cancels it."""
        task = asyncio.get_running_loop().create_task(rest)
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def close(self) -> None:
        """Wait for background work, and close the connection."""
        try:
            while self._rest and not self.connection.closed:
                await asyncio.wait([*self._rest])
            late = [*self._late]
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        finally:
            self.ends.close()
            self.connection.close()
