"""The status of a worker, and who the client is there, as the worker reports it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

from ....schemas.generated import request_pb2
from ...protocol.exchange import Item
from ..requests.dialogue import reply_with

FEATURE = "status"
TROUBLES = "troubles"


class Stock(NamedTuple):
    """The total amount of a resource, and how much of it running jobs have. "memory" is in bytes."""

    name: str
    total: int
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """The status of a worker and its machine at a moment, and who you are there. None: not reported, or the worker is too old.

    `key`: its public key, 32 bytes. `name`, `role`, `rights`: yours in its roster. `running` and `queued` count the jobs of everybody,
    `your_running` and `your_queued` your own. `load`: averages over 1, 5 and 15 minutes. `disk_free_bytes`, `disk_bytes`: of the disk of
    its state folder. `refuses`: why it takes no new jobs. `members`: how many its roster has; `roster_problem`: why the roster's file is
    not in force. Only an admin gets the latter two in full; any member learns that there is a problem. `resources`: its capacity for jobs.
    `memory_problem`: why it does not enforce memory limits of jobs. `labels`: the labels of the worker, which jobs can request. `warnings`:
    problems for its operators, shown to members who may see the jobs of others; `tells_troubles`: they include those of the worker itself,
    not only those of a broker's workers.
    """

    endpoint: str
    key: bytes
    kind: str
    version: str
    host: str
    name: str
    role: str
    rights: tuple[str, ...] | None = None
    slots: int
    running: int | None = None
    queued: int | None = None
    your_running: int | None = None
    your_queued: int | None = None
    up: timedelta | None = None
    load: tuple[float, ...] | None = None
    cpus: int | None = None
    disk_free_bytes: int | None = None
    disk_bytes: int | None = None
    refuses: str | None = None
    members: int | None = None
    roster_problem: str | None = None
    memory_problem: str | None = None
    warnings: tuple[str, ...] = ()
    tells_troubles: bool = False
    resources: tuple[Stock, ...] | None = None
    labels: tuple[tuple[str, str], ...] | None = None


def status_request(hello: request_pb2.HelloReply) -> request_pb2.Request | None:
    """Return the request for the status; None if the worker is too old, and reports only what is in its `hello`."""
    return request_pb2.Request(status=request_pb2.Status()) if FEATURE in hello.features else None


def read_status(endpoint: str, hello: request_pb2.HelloReply, answer: Item | None) -> WorkerStatus:
    """Return the status of a worker; `answer`: the reply to `status_request`, None if that was not sent.

    Raises Refused(INTERNAL) for another reply.
    """
    greeted = WorkerStatus(
        endpoint=endpoint,
        key=hello.daemon,
        kind=hello.kind,
        version=hello.software.removeprefix("jobwire "),
        host=hello.host,
        name=hello.your_name,
        role=hello.your_role,
        slots=hello.slots,
        roster_problem=hello.roster_problem or None,
        tells_troubles=TROUBLES in hello.features,
    )
    if answer is None:
        return greeted
    said = reply_with("status", answer).status
    return replace(
        greeted,
        rights=tuple(said.rights),
        running=said.running,
        queued=said.queued,
        your_running=said.your_running,
        your_queued=said.your_queued,
        up=timedelta(microseconds=said.up_us),
        load=tuple(said.load) or None,
        cpus=said.cpus or None,
        disk_free_bytes=said.disk_free_bytes if said.disk_bytes else None,
        disk_bytes=said.disk_bytes or None,
        refuses=said.refuses or None,
        members=said.members or None,
        roster_problem=said.roster_problem or None,
        memory_problem=said.memory_problem or None,
        warnings=tuple(said.warnings),
        labels=tuple((one.name, one.value) for one in said.labels) or None,
        slots=said.slots or hello.slots,
        resources=read_stocks(said.stocks) or None,
    )


def read_stocks(said: Iterable[request_pb2.Stock]) -> tuple[Stock, ...]:
    """Return the capacity of a worker, as reported."""
    return tuple(Stock(one.name, one.total, one.used) for one in said)
