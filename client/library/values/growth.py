"""The queues through which a broker gets more workers from a cluster, as it reports them, and the requests about them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ....schemas.generated import request_pb2
from ....schemas.refusal import Code, Refused

_STATES = {
    request_pb2.ALLOCATION_STATE_INTENDED: "asking",
    request_pb2.ALLOCATION_STATE_PENDING: "pending",
    request_pb2.ALLOCATION_STATE_STARTING: "starting",
    request_pb2.ALLOCATION_STATE_JOINED: "joined",
    request_pb2.ALLOCATION_STATE_LEAVING: "leaving",
}
_CHANGES = {
    "pause": request_pb2.QUEUE_CHANGE_PAUSE,
    "resume": request_pb2.QUEUE_CHANGE_RESUME,
    "remove": request_pb2.QUEUE_CHANGE_REMOVE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthSettings:
    """What a queue requests from its cluster: at most `max_workers` workers for `time`, which leave when idle for `idle`.

    `assume`: how long a job without a time limit is expected to take. `cpus`, `memory_bytes`, `gpus`: of each worker; 0: the cluster's
    default. `per_node`: this many workers run in one allocation, and leave together. `options`: further ones for the submitting command.
    `folder`: visible to all nodes, for instructions to new workers; `scratch`: on each node, for its state; `python`: the interpreter on
    the nodes that has jobwire; `endpoint`: where workers reach the broker. Empty: the default. `labels`: of the workers, each `NAME` or
    `NAME=VALUE`.
    """

    name: str
    cluster: str
    max_workers: int
    time: timedelta
    idle: timedelta
    assume: timedelta
    partition: str = ""
    cpus: int = 1
    memory_bytes: int = 0
    gpus: int = 0
    options: Sequence[str] = ()
    folder: str = ""
    scratch: str = ""
    python: str = ""
    endpoint: str = ""
    jobs_as_root: bool = False
    labels: Sequence[str] = ()
    per_node: int = 1

    def __post_init__(self) -> None:
        """Read what may be an iterator at once: the value may be used for several queues."""
        object.__setattr__(self, "options", tuple(self.options))
        object.__setattr__(self, "labels", tuple(self.labels))


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """An allocation that a broker has requested. `name`: also that of its worker; `cluster_id`: the cluster's id for it, empty before.

    `state`: "asking", "pending", "starting", "joined" or "leaving". `since`: how long ago it was requested.
    """

    name: str
    cluster_id: str
    state: str
    since: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthQueue:
    """A queue at a moment. `why`: why it is paused, or does not grow now; empty if it grows on demand."""

    settings: GrowthSettings
    paused: bool
    why: str
    allocations: tuple[Allocation, ...]


def add_request(settings: GrowthSettings) -> request_pb2.Request:
    """Return the request to grow through one more queue; the reply is `done`."""
    queue = request_pb2.GrowthQueue(
        name=settings.name,
        cluster=settings.cluster,
        partition=settings.partition,
        max_workers=settings.max_workers,
        time_ms=_ms(settings.time),
        idle_ms=_ms(settings.idle),
        assumed_ms=_ms(settings.assume),
        cpus=settings.cpus,
        memory_bytes=settings.memory_bytes,
        gpus=settings.gpus,
        options=settings.options,
        folder=settings.folder,
        scratch=settings.scratch,
        python=settings.python,
        endpoint=settings.endpoint,
        jobs_as_root=settings.jobs_as_root,
        labels=settings.labels,
        # Absent, as older brokers know it, for one.
        per_node=settings.per_node if settings.per_node > 1 else 0,
    )
    return request_pb2.Request(add_queue=request_pb2.AddQueue(queue=queue))


def change_request(name: str, change: str) -> request_pb2.Request:
    """Return the request to "pause", "resume" or "remove" a queue; the reply is `done`."""
    if change not in _CHANGES:
        raise Refused(Code.INVALID_ARGUMENT, f"a queue can be paused, resumed and removed, not {change!r}")
    return request_pb2.Request(change_queue=request_pb2.ChangeQueue(name=name, change=_CHANGES[change]))


def queues_request() -> request_pb2.Request:
    """Return the request for the queues of a broker."""
    return request_pb2.Request(list_queues=request_pb2.ListQueues())


def read_queues(answer: request_pb2.Reply) -> tuple[GrowthQueue, ...]:
    """Return the queues in a broker's reply."""
    return tuple(_read(answer.list_queues.queues))


def _read(said: Iterable[request_pb2.QueueInfo]) -> Iterable[GrowthQueue]:
    for one in said:
        queue = one.queue
        settings = GrowthSettings(
            name=queue.name,
            cluster=queue.cluster,
            max_workers=queue.max_workers,
            time=timedelta(milliseconds=queue.time_ms),
            idle=timedelta(milliseconds=queue.idle_ms),
            assume=timedelta(milliseconds=queue.assumed_ms),
            partition=queue.partition,
            cpus=queue.cpus,
            memory_bytes=queue.memory_bytes,
            gpus=queue.gpus,
            options=tuple(queue.options),
            folder=queue.folder,
            scratch=queue.scratch,
            python=queue.python,
            endpoint=queue.endpoint,
            jobs_as_root=queue.jobs_as_root,
            labels=tuple(queue.labels),
            per_node=max(1, queue.per_node),
        )
        allocations = tuple(
            Allocation(
                name=each.name,
                cluster_id=each.cluster_id,
                state=_STATES.get(each.state, "unknown"),
                since=timedelta(microseconds=each.since_us),
            )
            for each in one.allocations
        )
        yield GrowthQueue(settings=settings, paused=one.paused, why=one.why, allocations=allocations)


def _ms(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
