"""Having the daemon drop jobs that have ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..schemas.frames import MOST_KEYS
from ..schemas.generated import request_pb2
from ..schemas.naming import JobKey
from ..schemas.record import key_to_wire
from .session import Session


class Forgotten(NamedTuple):
    """How many jobs were dropped (those that had been before do not count), and how many bytes their logs took."""

    jobs: int
    log_bytes: int


def forget(session: Session, keys: Sequence[JobKey]) -> Forgotten:
    """Drop jobs with their logs, as many a request as one may hold."""
    jobs = log_bytes = 0
    for at in range(0, len(keys), MOST_KEYS):
        named = [key_to_wire(key) for key in keys[at : at + MOST_KEYS]]
        reply = session.reply(request_pb2.Request(forget=request_pb2.Forget(keys=named)), "forget").forget
        jobs += reply.jobs
        log_bytes += reply.log_bytes
    return Forgotten(jobs, log_bytes)
