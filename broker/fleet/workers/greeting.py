"""What a worker reports about itself when it connects."""

from __future__ import annotations

import logging

from ....schemas.generated import request_pb2
from . import clocks
from .worker import Worker

_log = logging.getLogger(__name__)


def note(worker: Worker, hello: request_pb2.HelloReply, name: str, now_us: int) -> None:
    """Record the `hello` of a worker; its capacity is unknown until it reports that. Logs a warning if its clock is wrong."""
    worker.store, worker.host, worker.software = hello.store, hello.host, hello.software
    worker.features = frozenset(hello.features)
    worker.returns, worker.held_off, worker.stopped = "returns" in hello.features, False, False
    worker.clock_ahead_us = clocks.ahead_us(hello.now_us, now_us)
    worker.reported.clear()
    worker.starts.clear()
    if clocks.is_told(worker.clock_ahead_us):
        how = "and it gets no jobs until it is set" if clocks.is_too_far(worker.clock_ahead_us) else "so set it"
        seconds = round(worker.clock_ahead_us / 1_000_000)
        _log.warning("the clock of worker %s is %+d seconds from that of this broker, %s", name, seconds, how)
