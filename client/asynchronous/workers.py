"""The workers of a broker, for event loops: `AsyncClient.workers`, with the methods of `Client.workers`."""

from __future__ import annotations

from collections.abc import Sequence

from ...schemas.jobs.spec import JobSpec
from ..library.attached import Attached
from ..library.options.arguments import Text
from ..library.options.specs import as_spec
from ..library.values.broker_workers import (
    BrokerWorker,
    WorkerDetails,
    drain_request,
    read_worker,
    read_workers,
    remove_request,
    worker_request,
    workers_request,
)
from ..library.values.fitting_workers import FittingWorkers, fitting_request, read_fitting
from ..library.values.growth import GrowthQueue, GrowthSettings, add_request, change_request, queues_request, read_queues
from .loop.session import AsyncSession


class AsyncWorkers(Attached):
    """The workers of a broker. Listing them needs a role that may see the jobs of others."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list(self) -> tuple[BrokerWorker, ...]:
        """Return all of them."""
        return read_workers(await self._session.reply(workers_request(), "list_workers"))

    async def get(self, name: str) -> WorkerDetails:
        """Return everything about one worker; see `client.workers.get`."""
        return read_worker(await self._session.reply(worker_request(name), "query_worker"))

    async def fitting(self, spec: JobSpec | Sequence[Text]) -> FittingWorkers:
        """Return the workers on which such a job could run; see `client.workers.fitting`."""
        return read_fitting(await self._session.reply(fitting_request(as_spec(spec)), "find_workers"))

    async def drain(self, name: str, *, drained: bool = True) -> None:
        """Drain a worker, or undrain it; see `client.workers.drain`."""
        await self._session.reply(drain_request(name, drained=drained), "done")

    async def remove(self, name: str, *, declare_lost: bool = False) -> int:
        """Remove a worker from the roster of its broker; see `client.workers.remove`."""
        key = (await self.get(name)).worker.key if declare_lost else b""
        return (await self._session.reply(remove_request(name, key), "done")).done.jobs

    async def add_queue(self, settings: GrowthSettings) -> None:
        """Let the broker get workers from a cluster when jobs wait; see `client.workers.add_queue`."""
        await self._session.reply(add_request(settings), "done")

    async def change_queue(self, name: str, change: str) -> None:
        """Pause, resume or remove such a queue; see `client.workers.change_queue`."""
        await self._session.reply(change_request(name, change), "done")

    async def queues(self) -> tuple[GrowthQueue, ...]:
        """Return the queues through which the broker gets workers; see `client.workers.queues`."""
        return read_queues(await self._session.reply(queues_request(), "list_queues"))
