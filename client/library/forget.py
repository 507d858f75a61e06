"""Remove jobs that have ended from a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...schemas.frames import MOST_KEYS
from ...schemas.generated import request_pb2
from ...schemas.naming import JobKey
from ...schemas.wire_codec import key_to_wire
from .session import Session


class Forgotten(NamedTuple):
    """How many jobs were removed (not counting those removed before), and the size of their logs in bytes."""

    jobs: int
    log_bytes: int


def forget(session: Session, keys: Sequence[JobKey]) -> Forgotten:
    """Remove jobs with their logs and return how many, with as many per request as it can hold."""
    jobs = log_bytes = 0
    for at in range(0, len(keys), MOST_KEYS):
        named = [key_to_wire(key) for key in keys[at : at + MOST_KEYS]]
        reply = session.reply(request_pb2.Request(forget=request_pb2.Forget(keys=named)), "forget").forget
        jobs += reply.jobs
        log_bytes += reply.log_bytes
    return Forgotten(jobs, log_bytes)
