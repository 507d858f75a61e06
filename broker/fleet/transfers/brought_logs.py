"""Logs of workers that leave with their allocation: copied to the broker when a job has ended, before the worker may forget it.

Before it leaves, a worker in an allocation waits until its broker has settled all jobs; so it waits for this too, as long as it has time.
The copy is compared with the hashes that the worker has signed. A lost link or a restart of the broker only delays it, and what is on the
disk already is not read again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from ....client.protocol.conversation import Chunk, Exchange
from ....schemas.frames import LARGEST_RANGE
from ....schemas.generated import request_pb2
from ....schemas.jobs.states import Outcome, OutcomeKind
from ....schemas.naming import AttemptKey, short_id
from ...engine import StreamName
from ...jobs.job import Attempt
from ...jobs.life import Phase
from ..workers.worker import Worker
from .shelf import Ends, Shelf

_log = logging.getLogger(__name__)

_NUMBERS: dict[StreamName, request_pb2.Stream] = {"stdout": request_pb2.STREAM_STDOUT, "stderr": request_pb2.STREAM_STDERR}


class _Bringing:
    """The logs of one attempt, being copied."""

    def __init__(self, worker: Worker, key: AttemptKey, ends: Ends, shelf: Shelf, over: Callable[[str], None]) -> None:
        self._worker = worker
        self._link = worker.link
        self._key = key
        self._ends = ends
        self._shelf = shelf
        self._over = over
        self._reached: dict[StreamName, int] = {}

    def begin(self) -> None:
        self._shelf.begin(self._key, self._ends.stdout + self._ends.stderr, self._begun)

    def _begun(self, found: tuple[int, int] | None) -> None:
        if found is None:
            self._over("there is no room for it at the broker")
            return
        self._reached = {"stdout": found[0], "stderr": found[1]}
        self._go_on("")

    def _go_on(self, problem: str) -> None:
        if problem:
            self._over(problem)
            return
        ends: dict[StreamName, int] = {"stdout": self._ends.stdout, "stderr": self._ends.stderr}
        stream = next((name for name, end in ends.items() if self._reached[name] < end), None)
        if stream is None:
            self._shelf.finish(self._key, self._ends, self._over)
            return
        start = self._reached[stream]
        part = request_pb2.ByteRange(start=start, length=min(LARGEST_RANGE, ends[stream] - start))
        asked = request_pb2.ReadLog(attempt=self._key.attempt, stream=_NUMBERS[stream], range=part)
        asked.key.owner, asked.key.id = self._key.job
        self._link = self._worker.link_for_bytes
        self._link.open(request_pb2.Request(read_log=asked), partial(self._happened, stream))

    def _happened(self, stream: StreamName, exchange: Exchange) -> None:
        item = self._link.take(exchange)
        if exchange.refusal is not None:
            self._over(str(exchange.refusal))
        elif isinstance(item, Chunk):
            data = bytes(item.data)
            if not data:
                self._over("it is shorter than its worker reported")
                return
            self._reached[stream] += len(data)
            self._shelf.add(self._key, stream, data, self._go_on)


class BroughtLogs:
    """The copies, one attempt at a time per worker. `end_of` returns the recorded end of an attempt. `settle`: its worker may forget it."""

    def __init__(self, shelf: Shelf, end_of: Callable[[AttemptKey], Outcome | None], settle: Callable[[Worker, AttemptKey], None]) -> None:
        self.shelf = shelf
        self._end_of = end_of
        self._settle = settle

    def takes(self, worker: Worker, key: AttemptKey) -> bool:
        """Return whether the logs of an ended attempt are copied first; then it is settled afterwards.

        Logs that are still to be hashed are not copied now: their worker reports that once more.
        """
        if worker.ends_at is None or not self.shelf.limit_bytes:
            return False
        outcome = self._end_of(key)
        if outcome is None or not outcome.log_bytes or self.shelf.has(key):
            return False
        if outcome.hash_follows:
            return True
        if key not in worker.brings:
            ends = Ends(outcome.stdout_bytes, outcome.stderr_bytes, outcome.stdout_root, outcome.stderr_root)
            worker.brings[key] = None
            bringing = _Bringing(worker, key, ends, self.shelf, partial(self._over, worker, key))
            worker.to_bring.append(bringing.begin)
            if len(worker.to_bring) == 1:
                bringing.begin()
        return True

    def _over(self, worker: Worker, key: AttemptKey, problem: str) -> None:
        if key not in worker.brings:
            return
        if problem:
            _log.warning("the output of job %s is not brought to the broker: %s", short_id(key.id), problem)
            self.shelf.drop(key)
        del worker.brings[key]
        self._settle(worker, key)
        worker.to_bring.popleft()
        if worker.to_bring:
            worker.to_bring[0]()

    def has(self, attempt: Attempt, *, is_gone: bool) -> bool:
        """Return whether the logs of an attempt are here. For an attempt without output this is true if its worker `is_gone`."""
        if self.shelf.has(attempt.key):
            return True
        outcome = attempt.outcome if attempt.phase is Phase.FINISHED else None
        return is_gone and outcome is not None and outcome.kind is not OutcomeKind.LOST and not outcome.log_bytes

    def forget(self, worker: Worker) -> None:
        """Note that a worker will not come back; what was not copied is gone."""
        for key in worker.brings:
            self.shelf.drop(key)
        worker.brings.clear()
        worker.to_bring.clear()
