"""What a broker tells workers about jobs that have ended: that they may forget them, and which logs to remove."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from ...schemas.frames import MOST_KEYS
from ...schemas.generated import request_pb2
from ...schemas.naming import AttemptKey
from ...schemas.refusal import Refused
from ..engine import Run
from .workers.registry import Workers
from .workers.worker import Discarding, Worker

GATHER_SECONDS = 0.05
_Some = TypeVar("_Some")


class EndedJobs:
    """`machine_of` returns where an attempt was placed; empty: nowhere. `gather_seconds`: how long ends are gathered for one message."""

    def __init__(
        self,
        workers: Workers,
        machine_of: Callable[[AttemptKey], bytes],
        loop: asyncio.AbstractEventLoop,
        gather_seconds: float,
        settled: Callable[[Worker], None],
    ) -> None:
        """`settled(worker)` is called when a worker has answered."""
        # Whether something is still needed of an attempt, for which `settle_one` is called later.
        self.waits: Callable[[Worker, AttemptKey], bool] = lambda _, __: False
        self._settled = settled
        self._workers = workers
        self._machine_of = machine_of
        self._loop = loop
        self._gather_seconds = gather_seconds

    def settle(self, keys: Iterable[AttemptKey]) -> None:
        """Tell the workers of these that their ends are durable; those that are not connected report them again when they are."""
        for key in keys:
            carrier = self._workers.let_go(key)
            for worker in (carrier,) if carrier is not None else self._who_reported(key):
                if not self.waits(worker, key):
                    self.settle_one(worker, key)

    def settle_one(self, worker: Worker, key: AttemptKey) -> None:
        """Tell a worker that nothing is needed of an attempt any more."""
        worker.reported.discard(key)
        worker.used_at = self._loop.time()
        self._workers.changed()
        if not worker.to_settle:
            # Nobody waits for it, and each request costs the worker a write to its disk.
            self._loop.call_later(self._gather_seconds, self.settle_at, worker)
        worker.to_settle[key] = None

    def _who_reported(self, key: AttemptKey) -> Sequence[Worker]:
        """Return the workers that have reported an attempt which none carries; that is rare."""
        return [worker for worker in self._workers.all.values() if key in worker.reported]

    def settle_at(self, worker: Worker) -> None:
        """Tell one worker, if it is connected."""
        if not worker.takes_jobs or self._workers.closed:
            return
        names = list(worker.to_settle)
        worker.to_settle.clear()
        for some in _parts(names):
            worker.unsettled += 1
            worker.link.ask(request_pb2.Request(settle=request_pb2.Settle(jobs=map(_name, some))), partial(self._answered, worker))

    def _answered(self, worker: Worker, answer: request_pb2.Reply | Refused) -> None:
        # A worker that could not do it reports the jobs again.
        del answer
        worker.unsettled -= 1
        self._settled(worker)

    def discard(self, runs: Sequence[Run], done: Callable[[Sequence[Run]], None]) -> None:
        """Remove logs, now or when their workers are connected; `done` gets those that are gone."""
        task = Discarding(len(runs), [], done)
        for run in runs:
            machine = self._machine_of(run.key)
            if not machine or self._workers.is_gone(machine):
                # It never got as far as to a worker, or that took its logs with it.
                self._loop.call_soon(self._discarded, [(run, task)], request_pb2.Reply())
                continue
            worker = self._workers.get(machine)
            if worker.takes_jobs and not worker.to_discard:
                self._loop.call_soon(self.discard_at, worker)
            worker.to_discard.append((run, task))

    def discard_at(self, worker: Worker) -> None:
        """Tell one worker to remove logs, if it is connected."""
        if not worker.takes_jobs or self._workers.closed:
            return
        wanted, worker.to_discard = worker.to_discard, []
        for some in _parts(wanted):
            jobs = [_name(run.key) for run, _ in some]
            worker.link.ask(request_pb2.Request(discard=request_pb2.Discard(jobs=jobs)), partial(self._discarded, some))

    def forget(self, wanted: Sequence[tuple[Run, Discarding]]) -> None:
        """Count logs as removed that are gone with their worker."""
        self._discarded(wanted, request_pb2.Reply())

    def _discarded(self, part: Sequence[tuple[Run, Discarding]], answer: request_pb2.Reply | Refused) -> None:
        for run, task in part:
            task.left -= 1
            if not isinstance(answer, Refused):
                task.gone.append(run)
            if not task.left:
                task.done(task.gone)


def _parts(whole: Sequence[_Some]) -> Iterator[Sequence[_Some]]:
    return (whole[at : at + MOST_KEYS] for at in range(0, len(whole), MOST_KEYS))


def _name(key: AttemptKey) -> request_pb2.AttemptName:
    return request_pb2.AttemptName(owner=key.owner, id=key.id, attempt=key.attempt)
