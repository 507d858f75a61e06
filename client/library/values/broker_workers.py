"""The workers of a broker, as it reports them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from ....schemas.clock import wall_us
from ....schemas.generated import request_pb2
from ....schemas.wire_codec import state_from_wire
from .status import Stock, read_stocks

_STATES = {
    request_pb2.WORKER_STATE_JOINING: "joining",
    request_pb2.WORKER_STATE_READY: "ready",
    request_pb2.WORKER_STATE_DRAINING: "draining",
    request_pb2.WORKER_STATE_UNREACHABLE: "unreachable",
    request_pb2.WORKER_STATE_NEVER_SEEN: "never seen",
    request_pb2.WORKER_STATE_REMOVED: "removed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerWorker:
    """A worker of a broker at a moment. `key`: its public key, 32 bytes.

    `state`: "joining", "ready", "draining" (its jobs continue, and it gets no more), "unreachable" (its jobs start nowhere else), "stopped"
    (the same, and it has reported that it was stopped on its machine), or "never seen". `drained`: whether it gets no jobs, even after it
    reconnects. `jobs`: unended jobs placed on it, which take `used_slots`. `resources`: its capacity for jobs. `labels`: the labels that
    jobs can request. `clock_ahead`: how far its clock was ahead when it joined; beyond five minutes, ahead or behind, it gets no jobs.
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
    clock_ahead: timedelta = timedelta()


class WorkerJob(NamedTuple):
    """A job that is placed on a worker: `state` is "queued", "running" or "stopping"; `accepted`: it is on the worker's disk."""

    owner: bytes
    id: bytes
    name: str
    owner_name: str
    state: str
    attempt: int
    accepted: bool


class WorkerDetails(NamedTuple):
    """Everything that a broker knows about one worker: `store` is the id of its store, empty if unknown. At most 1000 jobs."""

    worker: BrokerWorker
    store: bytes
    jobs: tuple[WorkerJob, ...]


def workers_request() -> request_pb2.Request:
    """Return the request for the workers of a broker."""
    return request_pb2.Request(list_workers=request_pb2.ListWorkers())


def drain_request(name: str, *, drained: bool) -> request_pb2.Request:
    """Return the request to drain or undrain a worker; the reply is `done`."""
    return request_pb2.Request(change_worker=request_pb2.ChangeWorker(name=name, drained=drained))


def worker_request(name: str) -> request_pb2.Request:
    """Return the request about one worker; the reply is `query_worker`."""
    return request_pb2.Request(query_worker=request_pb2.QueryWorker(name=name))


def remove_request(name: str, key: bytes = b"") -> request_pb2.Request:
    """Return the request to remove a worker from the roster of its broker; the reply is `done`.

    With its public key, its jobs are declared lost, and it stops them if it comes back: it checks that key, and the date of the request.
    """
    said = request_pb2.RemoveWorker(name=name, declare_lost=bool(key), key=key, asked_at_us=wall_us() if key else 0)
    return request_pb2.Request(remove_worker=said)


def read_worker(answer: request_pb2.Reply) -> WorkerDetails:
    """Return one worker from a broker's reply."""
    said = answer.query_worker
    (worker,) = _read([said.worker])
    jobs = (
        WorkerJob(one.key.owner, one.key.id, one.name, one.owner_name, _state_of(one.state), one.attempt, one.accepted) for one in said.jobs
    )
    return WorkerDetails(worker, said.store, tuple(jobs))


def _state_of(number: int) -> str:
    # 0 if the broker has forgotten the job.
    return state_from_wire(number).name.lower() if number else ""


def read_workers(answer: request_pb2.Reply) -> tuple[BrokerWorker, ...]:
    """Return the workers in a broker's reply."""
    return tuple(_read(answer.list_workers.workers))


def _read(said: Iterable[request_pb2.WorkerInfo]) -> Iterable[BrokerWorker]:
    for one in said:
        yield BrokerWorker(
            name=one.name,
            key=one.key,
            state="stopped" if one.stopped else _STATES.get(one.state, "unknown"),
            drained=one.drained,
            clock_ahead=timedelta(microseconds=one.clock_ahead_us),
            host=one.host,
            version=one.software.removeprefix("jobwire "),
            slots=one.slots,
            used_slots=one.used_slots,
            jobs=one.jobs,
            resources=read_stocks(one.stocks),
            since=timedelta(microseconds=one.since_us),
            labels=tuple((label.name, label.value) for label in one.labels),
        )
