"""Tell workers about ended jobs: that they may forget them, and which logs to remove."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from ...schemas.generated import request_pb2
from ...schemas.naming import AttemptKey
from ...schemas.refusal import Refused
from ..engine import Run
from .settlements import Settlements, attempt_name, in_messages
from .workers.registry import Workers
from .workers.worker import Discarding, Worker


class EndedJobs:
    """`machine_of` returns where an attempt was placed; empty: nowhere.

    `waits` returns whether something is still needed of an attempt; whoever needs it settles the attempt afterwards.
    """

    def __init__(
        self,
        workers: Workers,
        settlements: Settlements,
        machine_of: Callable[[AttemptKey], bytes],
        loop: asyncio.AbstractEventLoop,
        waits: Callable[[Worker, AttemptKey], bool],
    ) -> None:
        self._workers = workers
        self._settlements = settlements
        self._machine_of = machine_of
        self._loop = loop
        self._waits = waits

    def settle(self, keys: Iterable[AttemptKey]) -> None:
        """Tell the workers of these attempts that their ends are durable; workers that are not connected report them again later."""
        for key in keys:
            carrier = self._workers.let_go(key)
            for worker in (carrier,) if carrier is not None else self._who_reported(key):
                if not self._waits(worker, key):
                    self._settlements.settle(worker, key)

    def _who_reported(self, key: AttemptKey) -> Sequence[Worker]:
        """Return the workers that reported an attempt which no worker carries; that is rare."""
        return [worker for worker in self._workers.all.values() if key in worker.reported]

    def discard(self, runs: Sequence[Run], done: Callable[[Sequence[Run]], None]) -> None:
        """Remove logs, now or when their workers are connected; `done` is called with those that are gone."""
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
        for some in in_messages(wanted):
            jobs = [attempt_name(run.key) for run, _ in some]
            worker.link.ask(request_pb2.Request(discard=request_pb2.Discard(jobs=jobs)), partial(self._discarded, some))

    def forget(self, wanted: Sequence[tuple[Run, Discarding]]) -> None:
        """Count logs as removed whose worker is gone."""
        self._discarded(wanted, request_pb2.Reply())

    def _discarded(self, part: Sequence[tuple[Run, Discarding]], answer: request_pb2.Reply | Refused) -> None:
        for run, task in part:
            task.left -= 1
            if not isinstance(answer, Refused):
                task.gone.append(run)
            if not task.left:
                task.done(task.gone)
