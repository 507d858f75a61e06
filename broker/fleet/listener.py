"""Process the reports of workers: their capacity, and the state of the jobs that they carry; plausibility.py says what cannot be true."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from ...client.protocol.conversation import Exchange
from ...keys.proofs.delegation import attempt_of
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.naming import AttemptKey, short_id
from ..engine import Fact
from . import reports
from .ended import EndedJobs
from .hashes import ToldHashes
from .plausibility import facts_problem
from .transfers.tails import TAIL_LINES, Tails
from .workers.registry import Workers
from .workers.worker import Worker

_log = logging.getLogger(__name__)


class Listener:
    """One stream of facts from each worker that is connected."""

    def __init__(
        self,
        workers: Workers,
        machine_of: Callable[[AttemptKey], bytes],
        tails: Tails,
        ended: EndedJobs,
        hasher: ToldHashes,
        all_told: Callable[[Worker], None],
        accept_key: Callable[[request_pb2.Delegation], None],
    ) -> None:
        """`all_told` is called when a reconnected worker has reported everything it knows; `accept_key` with the key of a job."""
        self._workers = workers
        self._machine_of = machine_of
        self._tails = tails
        self._ended = ended
        self._hasher = hasher
        self._all_told = all_told
        self._accept_key = accept_key

    def listen(self, worker: Worker) -> None:
        """Ask a worker for its reports. An open stream continues over the new connection, from the beginning."""
        if not worker.follows:
            worker.follows = True
            follow = request_pb2.Request(follow_facts=request_pb2.FollowFacts(tail_lines=TAIL_LINES))
            worker.link.open(follow, partial(self._reported, worker))

    def _reported(self, worker: Worker, exchange: Exchange) -> None:
        while (item := worker.link.take(exchange)) is not None:
            if isinstance(item, request_pb2.Reply) and item.HasField("facts"):
                self.take(worker, item.facts)
        if exchange.ended:
            worker.follows = False
        if exchange.ended and not self._workers.is_gone(worker.key):
            _log.error("worker %s refuses to report: %s", self._workers.name_of(worker.key), exchange.refusal)
            worker.link.drop("refuses to report")

    def take(self, worker: Worker, said: request_pb2.Facts) -> None:
        """Process a report of a worker, and pass its facts to the desk."""
        name = self._workers.name_of(worker.key)
        if problem := facts_problem(said):
            _log.error("worker %s is disconnected, because it sent an invalid report: %s", name, problem)
            worker.link.drop("sent an invalid report")
            return
        if said.stocks:
            labels = tuple((one.name, one.value) for one in said.labels)
            worker.capacity, worker.stocks = reports.capacity_of(said.stocks, labels), list(said.stocks)
            worker.others = reports.others_of(said.stocks)
            self._workers.tell_machine(worker, renewed=said.renewed)
        worker.stopped = worker.stopped or said.stopped
        facts: list[Fact] = []
        for fact in said.facts:
            key = reports.name_of(fact.report)
            worker.reported.add(key)
            carried = worker.carried.get(key)
            if carried is None:
                self._not_carried(worker, key, fact)
                continue
            carried.sent = carried.accepted = True
            carried.pid, carried.started_at_us = fact.report.pid, fact.report.started_at_us
            if fact.HasField("log_hashes"):
                carried.hashed_end = fact
            of_job = fact.delegation
            if fact.HasField("delegation") and (of_job.worker, of_job.store, attempt_of(of_job)) == (worker.key, worker.store, key):
                self._accept_key(of_job)
            self._tails.keep(key, "stdout", fact.report.stdout_tail)
            self._tails.keep(key, "stderr", fact.report.stderr_tail)
            facts += reports.facts_of(fact, name)
        self._workers.hear(facts)
        if said.complete:
            self._all_told(worker)

    def _not_carried(self, worker: Worker, key: AttemptKey, fact: request_pb2.Fact) -> None:
        """Tell a worker to forget an end that was recorded before; reports about jobs of another worker are ignored."""
        if self._workers.carrier(key) is not None:
            _log.warning("worker %s reports job %s, which it does not have", self._workers.name_of(worker.key), short_id(key.id))
        elif fact.report.state == job_pb2.STATE_FINISHED:
            if self._machine_of(key) == worker.machine:
                self._hasher.hear(key, fact)
            else:
                self._ended.settle([key])
        elif self._machine_of(key) != worker.machine:
            # It is told once more when it has ended. Nothing is kept of what this broker has not placed there: it may be any number.
            worker.reported.discard(key)
