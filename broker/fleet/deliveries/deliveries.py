"""Deliver jobs to their workers, with the starts that their clients signed, and decide what happens to those that are refused."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from ....keys.digests import sha256
from ....schemas.frames import STORE_ID_BYTES, refusal_from
from ....schemas.generated import request_pb2
from ....schemas.naming import AttemptKey, short_id
from ....schemas.refusal import Code, Reason, Refused
from ...engine import Delayed, Returned
from .. import reports
from ..orders import Orders
from ..transfers.contents import Sendings
from ..workers.registry import Workers
from ..workers.worker import Carried, Worker
from .starts import Start, Starts

_log = logging.getLogger(__name__)

_JOBS_A_DELIVERY = 25
# Of a batch that was staged, jobs are sent themselves, with the hashes of their parts, 32 KB each.
_BYTES_A_DELIVERY = 1024 * 1024
_PARTS_A_DELIVERY = 16
# Starts, and parts of batches, of which it is remembered that a worker has them: after more, they are sent again.
_MOST_STARTS = 10_000
_TRY_AGAIN_SECONDS = 5.0
# For a moment: a worker may have no room for what waits.
_PASSES = frozenset({Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE})
# Whatever is asked again: the delivery itself is wrong.
_FINAL = frozenset({Code.INVALID_ARGUMENT, Code.UNAUTHENTICATED})
# When a worker that has refused jobs for what passes is offered these again.
_OFFER_AGAIN_SECONDS = 30.0


class Deliveries:
    """Deliveries in progress. A delivery is repeated until it is answered: a worker accepts each attempt once."""

    def __init__(self, workers: Workers, starts: Starts, orders: Orders, sendings: Sendings, loop: asyncio.AbstractEventLoop) -> None:
        self._workers = workers
        self._starts = starts
        self._orders = orders
        self._sendings = sendings
        self._loop = loop
        # Starts that are being read, and what is to be delivered of them after that.
        self._reading: dict[Start, dict[AttemptKey, tuple[Worker, Carried]]] = {}

    def deliver(self, worker: Worker, carried: Iterable[Carried]) -> None:
        """Send attempts to the worker on which they were placed, which is connected; those of a large start once it is read."""
        ready: list[tuple[Carried, Start | None]] = []
        for one in carried:
            start = self._starts.of(one.key.job)
            if start is None or start.is_read:
                ready.append((one, start))
            else:
                self._read_first(start, worker, one)
        self._deliver(worker, ready)

    def _deliver(self, worker: Worker, carried: Iterable[tuple[Carried, Start | None]]) -> None:
        by_start: dict[bytes, list[tuple[Carried, request_pb2.Delivery]]] = {}
        starts: dict[bytes, Start] = {}
        for one, start in carried:
            if one.ending and not one.sent:
                # It is withdrawn in a moment.
                continue
            delivery = self._starts.delivery(start, one.key, limited=one.limited) if start is not None else None
            if start is None or delivery is None:
                refused = Refused(Code.UNIMPLEMENTED, "it came without a start that its client has signed, which workers require")
                self._loop.call_soon(self._fail, worker, one, refused)
                continue
            if start.lacks(delivery, worker.features):
                why = f"{worker.software} is older than this kind of request, and cannot check what the client has signed"
                self._loop.call_soon(self._give_back, worker, one, Refused(Code.UNIMPLEMENTED, why, "upgrade the worker"))
                continue
            # From here on, it may be there.
            one.sent = True
            one.under_way += 1
            starts[start.digest] = start
            by_start.setdefault(start.digest, []).append((one, delivery))
        for digest, jobs in by_start.items():
            for some in _divided(jobs):
                self._send(worker, starts[digest], some)
            for one, _ in jobs:
                self._orders.delivered(worker, one)

    def _read_first(self, start: Start, worker: Worker, one: Carried) -> None:
        """Deliver an attempt once its start is read, which takes too long for one turn of the loop."""
        if start not in self._reading:
            self._reading[start] = {}
            self._loop.call_soon(self._read_on, start, start.read())
        self._reading[start][one.key] = worker, one

    def _read_on(self, start: Start, steps: Iterator[None]) -> None:
        for _ in steps:
            self._loop.call_soon(self._read_on, start, steps)
            return
        by_worker: dict[Worker, list[tuple[Carried, Start | None]]] = {}
        for worker, one in self._reading.pop(start).values():
            # It may have been stopped or withdrawn meanwhile, or its worker be gone: that gets it when it is back.
            if worker.carried.get(one.key) is one and not one.accepted and worker.takes_jobs and worker.machine == one.machine:
                by_worker.setdefault(worker, []).append((one, start))
        if not self._workers.closed:
            for worker, carried in by_worker.items():
                self._deliver(worker, carried)

    def _send(self, worker: Worker, start: Start, jobs: list[tuple[Carried, request_pb2.Delivery]]) -> None:
        store = jobs[0][0].machine[-STORE_ID_BYTES:]
        digest, raw = start.digest, start.whole.raw
        if len(worker.starts) >= _MOST_STARTS:
            worker.starts.clear()
        is_part = digest not in worker.starts and start.is_shown_in_parts
        if is_part:
            raw = start.whole.part([delivery.index for _, delivery in jobs])
            digest = sha256(raw)
            for index, (_, delivery) in enumerate(jobs):
                delivery.index = index
        message = request_pb2.Deliver(store=store, digest=digest, jobs=[delivery for _, delivery in jobs])
        if digest not in worker.starts:
            message.start = raw
            if (parent := self._starts.parent(start, worker.key)) is not None:
                message.parent.CopyFrom(parent)
            if not is_part:
                worker.starts.add(digest)
                start.holders += 1
        for number in {delivery.index for _, delivery in jobs if delivery.staged_job}:
            if (part := digest + number.to_bytes(4, "big")) not in worker.starts:
                worker.starts.add(part)
                message.hashes.append(start.parts[number])
        keys = {_name_of(delivery): one.key for one, delivery in jobs}
        worker.link.ask(request_pb2.Request(deliver=message), partial(self._answered, worker, keys, digest))

    def _answered(self, worker: Worker, keys: Mapping[bytes, AttemptKey], digest: bytes, answer: request_pb2.Reply | Refused) -> None:
        for key in keys.values():
            if (one := worker.carried.get(key)) is not None:
                one.under_way -= 1
        if isinstance(answer, Refused):
            worker.starts -= {one for one in worker.starts if one.startswith(digest)}
            for key in keys.values():
                self._not_handled(worker, key, answer)
            return
        refused = {_name_of(one.job): refusal_from(one.refusal) for one in answer.deliver.not_accepted}
        for position, key in keys.items():
            if position in refused:
                self._refused(worker, key, refused[position])
            elif (one := worker.carried.get(key)) is not None:
                one.accepted = True

    def _not_handled(self, worker: Worker, key: AttemptKey, refused: Refused) -> None:
        """Decide about an attempt whose delivery was refused as a whole: the worker may have it from an earlier delivery."""
        one = worker.carried.get(key)
        if one is None or one.accepted:
            return
        name = self._workers.name_of(worker.key)
        if refused.reason is Reason.START_MISSING:
            self.deliver(worker, [one])
        elif refused.reason is Reason.ANOTHER_STORE:
            self._workers.end_lost(worker, [one], f"worker {name} cannot tell whether it ran: {refused.message}")
        elif refused.code in _PASSES or (worker.returns and refused.code not in _FINAL):
            self._later(worker, one, refused)
        else:
            self._fail(worker, one, refused)

    def _refused(self, worker: Worker, key: AttemptKey, refused: Refused) -> None:
        """Decide about an attempt that was not accepted."""
        one = worker.carried.get(key)
        # Sent several times, it may still be accepted by the last of them.
        if one is None or one.accepted or one.under_way:
            return
        if refused.reason is Reason.FORGOTTEN:
            name = self._workers.name_of(worker.key)
            self._workers.end_lost(worker, [one], f"worker {name} cannot tell whether it ran: {refused.message}")
        elif refused.reason is Reason.FILES_MISSING and not one.ending:
            self._send_files(worker, one, refused)
        elif one.ending or not _is_of_worker(refused):
            self._fail(worker, one, refused)
        elif worker.returns:
            self._give_back(worker, one, refused)
        elif refused.code in _PASSES:
            # An older worker may refuse what it has accepted before.
            self._later(worker, one, refused)
        else:
            self._fail(worker, one, refused)

    def _give_back(self, worker: Worker, one: Carried, refused: Refused) -> None:
        """Return a job that certainly is not at the worker, and may be placed on another one."""
        name = self._workers.name_of(worker.key)
        _log.info("worker %s refused job %s: %s", name, short_id(one.key.id), refused)
        if self._workers.let_go(one.key) is None:
            return
        if refused.code in _PASSES:
            if refused.reason is Reason.DISK_FULL and not worker.held_off:
                worker.held_off = True
                self._workers.tell_machine(worker)
            self._loop.call_later(_OFFER_AGAIN_SECONDS, self._offer_again, worker)
        self._workers.hear([Returned(one.key, one.machine, name, refused.message)])

    def _offer_again(self, worker: Worker) -> None:
        worker.held_off = False
        if worker.store:
            self._workers.tell_machine(worker, renewed=True)

    def _fail(self, worker: Worker, one: Carried, refused: Refused) -> None:
        """End a job that no worker would accept, or that this worker may have after all."""
        if one.key not in worker.carried:
            return
        now_us = self._workers.now_us()
        name = self._workers.name_of(worker.key)
        if one.ending:
            self._workers.end(worker, [one], lambda one: reports.withdrawn(one.key, now_us))
        else:
            self._workers.end(worker, [one], lambda one: reports.not_accepted(one.key, refused, name, now_us))

    def _later(self, worker: Worker, one: Carried, refused: Refused) -> None:
        self._workers.hear([Delayed(one.key, f"worker {self._workers.name_of(worker.key)} cannot take it now: {refused.message}")])
        self._loop.call_later(_TRY_AGAIN_SECONDS, self._try_again, worker, one.key)

    def _send_files(self, worker: Worker, one: Carried, refused: Refused) -> None:
        # It is surely not there: if it is to be stopped meanwhile, it is withdrawn.
        one.sent = False
        self._workers.hear([Delayed(one.key, f"its files are being sent to worker {self._workers.name_of(worker.key)}")])
        missing = [file for file in one.files if file.digest in refused.missing]
        self._sendings.send(worker, one.key.owner, missing, partial(self._sent, worker, one.key))

    def _sent(self, worker: Worker, key: AttemptKey, refused: Refused | None) -> None:
        """Deliver a job again, now that its worker has its files."""
        if refused is not None:
            self._refused(worker, key, refused)
        else:
            self._try_again(worker, key)

    def _try_again(self, worker: Worker, key: AttemptKey) -> None:
        one = worker.carried.get(key)
        if one is not None and not one.accepted and worker.takes_jobs and not self._workers.closed:
            self.deliver(worker, [one])


def _divided(jobs: Sequence[tuple[Carried, request_pb2.Delivery]]) -> Iterator[list[tuple[Carried, request_pb2.Delivery]]]:
    """Divide the attempts of one start into messages of a limited size."""
    some: list[tuple[Carried, request_pb2.Delivery]] = []
    size, parts = 0, set[int]()
    for one, delivery in jobs:
        size += len(delivery.staged_job)
        parts.add(delivery.index if delivery.staged_job else 0)
        if some and (len(some) == _JOBS_A_DELIVERY or size > _BYTES_A_DELIVERY or len(parts) > _PARTS_A_DELIVERY):
            yield some
            some, size, parts = [], len(delivery.staged_job), {delivery.index if delivery.staged_job else 0}
        some.append((one, delivery))
    if some:
        yield some


def _name_of(delivery: request_pb2.Delivery) -> bytes:
    """Return the name by which the broker and a worker identify an attempt within a delivery."""
    named = request_pb2.Delivery()
    named.CopyFrom(delivery)
    named.ClearField("limit")
    return named.SerializeToString(deterministic=True)


def _is_of_worker(refused: Refused) -> bool:
    """Return whether another worker might accept a job that one has refused with this reason, or the same one later."""
    if refused.code is Code.PERMISSION_DENIED:
        return refused.reason in (Reason.NOT_ON_ROSTER, Reason.ROLE)
    if refused.reason is Reason.EXPIRED:
        return False
    return refused.code in _PASSES or refused.code in (Code.UNIMPLEMENTED, Code.FAILED_PRECONDITION)
