"""Connected workers that get no more jobs: those that an operator has drained, and those that are to leave."""

from __future__ import annotations

from collections.abc import Iterable

from ...store.rows.fleet import placements
from ...store.store import Store
from .registry import Workers
from .worker import Worker, WorkerState


class Drains:
    """The drained workers of one broker."""

    def __init__(self, workers: Workers, store: Store) -> None:
        """Take over those drained in an earlier run."""
        self._workers = workers
        # By their names.
        self._leaving: set[str] = set()
        for key in placements.drained(store.read):
            workers.get(key).drained = True

    def drain(self, key: bytes, *, drained: bool) -> None:
        """Place no more jobs on a worker, or place jobs again; the caller records it."""
        worker = self._workers.get(key)
        worker.drained = drained
        if worker.takes_jobs:
            self.let_work(worker)

    def hold_back(self, names: Iterable[str]) -> None:
        """Place no more jobs on the workers with these names, connected or not: they are to leave."""
        self._leaving.update(names)
        for worker in self._workers.all.values():
            if worker.state is WorkerState.READY and self._is_leaving(worker):
                self._workers.become(worker, WorkerState.DRAINING)

    def forget(self, name: str) -> None:
        """Note that the worker of this name has left, or never connected."""
        self._leaving.discard(name)

    def let_work(self, worker: Worker) -> None:
        """Let a worker get jobs that is connected and has reported everything, unless it is drained."""
        gets_none = worker.drained or worker.is_removed or self._is_leaving(worker)
        self._workers.become(worker, WorkerState.DRAINING if gets_none else WorkerState.READY)

    def _is_leaving(self, worker: Worker) -> bool:
        return bool(self._leaving) and self._workers.name_of(worker.key) in self._leaving
