"""The workers of a broker, and the queues of clusters through which it gets more: `client.workers`."""

from __future__ import annotations

from collections.abc import Sequence

from ...schemas.jobs.spec import JobSpec
from .attached import Attached
from .options.arguments import Text
from .options.specs import as_spec
from .session import Session
from .values.broker_workers import (
    BrokerWorker,
    WorkerDetails,
    drain_request,
    read_worker,
    read_workers,
    remove_request,
    worker_request,
    workers_request,
)
from .values.fitting_workers import FittingWorkers, fitting_request, read_fitting
from .values.growth import GrowthQueue, GrowthSettings, add_request, change_request, queues_request, read_queues


class Workers(Attached):
    """The workers of a broker. Listing them needs a role that may see the jobs of others."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self) -> tuple[BrokerWorker, ...]:
        """Return all workers."""
        return read_workers(self._session.reply(workers_request(), "list_workers"))

    def get(self, name: str) -> WorkerDetails:
        """Return everything about one worker, and the jobs that it has."""
        return read_worker(self._session.reply(worker_request(name), "query_worker"))

    def fitting(self, spec: JobSpec | Sequence[Text]) -> FittingWorkers:
        """Return the workers on which such a job could run, as for `--on-each`: a result of `jobwire.job_spec`, or an argv.

        A worker that is not a broker returns itself. Raises `Refused`, with the reason, if there is none.
        """
        return read_fitting(self._session.reply(fitting_request(as_spec(spec)), "find_workers"))

    def drain(self, name: str, *, drained: bool = True) -> None:
        """Drain a worker, so that it gets no more jobs, or (`drained=False`) undrain it; its present jobs continue.

        Needs the role operator or admin.
        """
        self._session.reply(drain_request(name, drained=drained), "done")

    def remove(self, name: str, *, declare_lost: bool = False) -> int:
        """Remove a worker, which must be drained and without jobs, from the roster of its broker; needs the role admin.

        `declare_lost`: its jobs are lost, which is final: they are never started again. Return how many there were. If the worker comes
        back, it stops them, if its own roster lets this member stop jobs of others.
        """
        key = self.get(name).worker.key if declare_lost else b""
        return self._session.reply(remove_request(name, key), "done").done.jobs

    def add_queue(self, settings: GrowthSettings) -> None:
        """Let the broker get workers from a cluster when jobs wait. Needs the role admin. Adding the same again changes nothing."""
        self._session.reply(add_request(settings), "done")

    def change_queue(self, name: str, change: str) -> None:
        """Pause a queue ("pause"), resume it ("resume"), or remove it ("remove"). Needs the role operator.

        To remove one needs the role admin; its workers get no more jobs, and leave when their present jobs end.
        """
        self._session.reply(change_request(name, change), "done")

    def queues(self) -> tuple[GrowthQueue, ...]:
        """Return the queues through which the broker gets workers."""
        return read_queues(self._session.reply(queues_request(), "list_queues"))
