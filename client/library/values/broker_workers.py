"""The workers of a broker, as it says. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from ....schemas.generated import request_pb2
from ....schemas.refusal import Code, Refused
from .status import Stock, read_stocks

_STATES = {
    request_pb2.WORKER_STATE_JOINING: "joining",
    request_pb2.WORKER_STATE_READY: "ready",
    request_pb2.WORKER_STATE_DRAINING: "draining",
    request_pb2.WORKER_STATE_UNREACHABLE: "unreachable",
    request_pb2.WORKER_STATE_NEVER_SEEN: "never seen",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerWorker:
    """A worker of a broker at a moment. `key`: its public key, 32 bytes.

    `state`: "joining", "ready", "draining" (its jobs go on, and it gets no more), "unreachable" (its jobs start nowhere else), or
    "never seen". `drained`: whether it gets no jobs, also when it is connected again. `jobs`: those that are placed on it and have not
    ended, which take `used_slots`. `resources`: what it has for jobs. `labels`: what jobs can ask for.
    """

    name: str
    key: bytes
    state: str
    drained: bool
    host: str
    version: str
    slots: int
    used_slots: int
    jobs: int
    resources: tuple[Stock, ...]
    since: timedelta
    labels: tuple[tuple[str, str], ...] = ()


def workers_request() -> request_pb2.Request:
    """Return what to ask a broker."""
    return request_pb2.Request(list_workers=request_pb2.ListWorkers())


def drain_request(name: str, *, drained: bool) -> request_pb2.Request:
    """Return the request to give a worker no more jobs, or some again; it is answered with `done`."""
    return request_pb2.Request(change_worker=request_pb2.ChangeWorker(name=name, drained=drained))


def read_workers(answer: object) -> tuple[BrokerWorker, ...]:
    """Return what a broker says.

    Raises Refused(INTERNAL) if it answered something else.
    """
    if not isinstance(answer, request_pb2.Reply) or not answer.HasField("list_workers"):
        raise Refused(Code.INTERNAL, "the broker did not answer with its workers")
    return tuple(_read(answer.list_workers.workers))


def _read(said: Iterable[request_pb2.WorkerInfo]) -> Iterable[BrokerWorker]:
    for one in said:
        yield BrokerWorker(
            name=one.name,
            key=one.key,
            state=_STATES.get(one.state, "unknown"),
            drained=one.drained,
            host=one.host,
            version=one.software.removeprefix("jobwire "),
            slots=one.slots,
            used_slots=one.used_slots,
            jobs=one.jobs,
            resources=read_stocks(one.stocks),
            since=timedelta(microseconds=one.since_us),
            labels=tuple((label.name, label.value) for label in one.labels),
        )
