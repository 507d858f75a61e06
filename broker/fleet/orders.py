"""Requests of clients about jobs on workers: each is forwarded as it was signed, to the worker that carries the job.

Stops and time limits are repeated until the worker has them, however often it is disconnected meanwhile; signals, pauses and resumes are
forwarded only if it is connected now.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from ...schemas.generated import request_pb2
from ...schemas.naming import AttemptKey, short_id
from ...schemas.refusal import Code, Refused
from ..engine import Delayed, Paused
from ..store.rows.fleet import placements
from . import reports
from .deliveries.starts import Read
from .workers.registry import Workers
from .workers.worker import Carried, Worker

_log = logging.getLogger(__name__)

_Done = Callable[[Refused | None], None]


class Orders:
    """Forwards requests. `read` reads the requests for stops and limits from the store of the desk."""

    def __init__(self, workers: Workers, read: Read, loop: asyncio.AbstractEventLoop) -> None:
        self._workers = workers
        self._read = read
        self._loop = loop

    def end(self, key: AttemptKey) -> None:
        """Stop a job; the worker does what the request says."""
        found = self._workers.carrier(key)
        if found is None:
            return
        worker, one = found
        one.ending = True
        if not one.sent:
            end = reports.withdrawn(key, self._workers.now_us())
            self._loop.call_soon(self._workers.end, worker, [one], lambda _: end)
        elif worker.takes_jobs:
            self._pass_end(worker, one)

    def limit(self, key: AttemptKey) -> None:
        """Set another time limit for a job."""
        found = self._workers.carrier(key)
        if found is not None:
            worker, one = found
            one.limited = True
            if one.sent and worker.takes_jobs:
                self._pass_limit(worker, one)

    def pass_all(self, worker: Worker) -> None:
        """Tell a reconnected worker what was requested meanwhile, or may not have arrived."""
        for one in list(worker.carried.values()):
            if one.limited and one.accepted:
                self._pass_limit(worker, one)
            if one.lends:
                self._pass_loan(worker, one)
            if one.ending:
                self._pass_end(worker, one)

    def delivered(self, worker: Worker, one: Carried) -> None:
        """Tell a worker which requests apply to a job that it was just sent, before it starts."""
        if one.limited:
            self._pass_limit(worker, one)

    def signal(self, key: AttemptKey, done: _Done, proof: bytes) -> None:
        """Send a signal."""
        self._pass_now(key, proof, done)

    def pause(self, key: AttemptKey, *, paused: bool, proof: bytes) -> None:
        """Suspend a job, or let it continue."""

        def done(refused: Refused | None) -> None:
            self._workers.hear([Paused(key, paused) if refused is None else Paused(key, not paused, refused.message)])

        self._pass_now(key, proof, done)

    def lend(self, key: AttemptKey, *, begins: bool) -> None:
        """Tell a worker, now and whenever it reconnects, that others may use the slots of a job; or that they no longer may."""
        found = self._workers.carrier(key)
        if found is not None:
            worker, one = found
            one.lends = begins
            if worker.takes_jobs:
                self._pass_loan(worker, one)

    def _pass_loan(self, worker: Worker, one: Carried) -> None:
        name = request_pb2.AttemptName(owner=one.key.owner, id=one.key.id, attempt=one.key.attempt)
        worker.link.ask(request_pb2.Request(lend=request_pb2.Lend(job=name, begins=one.lends)), lambda _: None)

    def _pass_end(self, worker: Worker, one: Carried) -> None:
        self._pass(worker, one.key, placements.stop_of(self._read, one.key.job), partial(self._end_passed, worker, one))

    def _end_passed(self, worker: Worker, one: Carried, refused: Refused | None) -> None:
        if refused is not None and one.key in worker.carried:
            self._tell(worker, one, f"does not stop it: {refused}", stuck=True)

    def _pass_limit(self, worker: Worker, one: Carried) -> None:
        self._pass(worker, one.key, placements.limit_of(self._read, one.key.job), partial(self._limit_passed, worker, one))

    def _limit_passed(self, worker: Worker, one: Carried, refused: Refused | None) -> None:
        # One that it does not know was not accepted, or has ended, which is told otherwise.
        if refused is not None and refused.code is not Code.NOT_FOUND and one.key in worker.carried:
            self._tell(worker, one, f"does not change its time limit: {refused}")

    def _tell(self, worker: Worker, one: Carried, what: str, *, stuck: bool = False) -> None:
        why = f"worker {self._workers.name_of(worker.key)} {what}"
        _log.warning("job %s: %s", short_id(one.key.id), why)
        self._workers.hear([Delayed(one.key, why, stuck=stuck)])

    def _pass_now(self, key: AttemptKey, proof: bytes, done: _Done) -> None:
        found = self._workers.carrier(key)
        if found is not None and found[0].takes_jobs:
            self._pass(found[0], key, proof, done)
            return
        refused = self._workers.cannot_reach(found[0]) if found is not None else Refused(Code.NOT_FOUND, "the job has ended")
        self._loop.call_soon(done, refused)

    def _pass(self, worker: Worker, key: AttemptKey, proof: bytes, done: _Done) -> None:
        name = request_pb2.AttemptName(owner=key.owner, id=key.id, attempt=key.attempt)
        request = request_pb2.Request(relay=request_pb2.Relay(job=name, request=proof))
        worker.link.ask(request, lambda answer: done(answer if isinstance(answer, Refused) else None))
