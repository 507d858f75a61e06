"""Tell workers which ends are recorded and need nothing more from them, so that they may forget these attempts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from ...schemas.frames import MOST_KEYS_OF_A_LINK
from ...schemas.generated import request_pb2
from ...schemas.naming import AttemptKey
from ...schemas.refusal import Refused
from .workers.registry import Workers
from .workers.worker import Worker

GATHER_SECONDS = 0.05
_Some = TypeVar("_Some")


class Settlements:
    """`gather_seconds`: how long ends are collected for one message. `answered(worker)` is called when a worker has answered one."""

    def __init__(
        self, workers: Workers, loop: asyncio.AbstractEventLoop, gather_seconds: float, answered: Callable[[Worker], None]
    ) -> None:
        self._workers = workers
        self._loop = loop
        self._gather_seconds = gather_seconds
        self._on_answer = answered

    def settle(self, worker: Worker, key: AttemptKey) -> None:
        """Tell a worker that nothing more is needed of an attempt."""
        worker.reported.discard(key)
        self._workers.used(worker)
        if not worker.to_settle:
            # Nobody waits for it, and each request costs the worker a write to its disk.
            self._loop.call_later(self._gather_seconds, self.settle_at, worker)
        worker.to_settle[key] = None

    def settle_at(self, worker: Worker) -> None:
        """Tell one worker, if it is connected."""
        if not worker.takes_jobs or self._workers.closed:
            return
        names = list(worker.to_settle)
        worker.to_settle.clear()
        for some in in_messages(names):
            worker.unsettled += 1
            worker.link.ask(request_pb2.Request(settle=request_pb2.Settle(jobs=map(attempt_name, some))), partial(self._answered, worker))

    def _answered(self, worker: Worker, answer: request_pb2.Reply | Refused) -> None:
        # A worker that could not do it reports the jobs again.
        del answer
        worker.unsettled -= 1
        self._on_answer(worker)


def in_messages(whole: Sequence[_Some]) -> Iterator[Sequence[_Some]]:
    """Split attempts so that each part fits into one message."""
    return (whole[at : at + MOST_KEYS_OF_A_LINK] for at in range(0, len(whole), MOST_KEYS_OF_A_LINK))


def attempt_name(key: AttemptKey) -> request_pb2.AttemptName:
    """Return an attempt as messages write it."""
    return request_pb2.AttemptName(owner=key.owner, id=key.id, attempt=key.attempt)
