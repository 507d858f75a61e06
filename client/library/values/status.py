"""How a worker is, and who one is there, as it says itself. Pure."""

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
    """How much there is of something that jobs take, and how much of it running jobs have. Of "memory" in bytes."""

    name: str
    total: int
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """How a worker and its machine are at a moment, and who you are there. None: it does not tell, or is too old to.

    `key`: its public key, 32 bytes. `name`, `role`, `rights`: yours in its roster. `running` and `queued` count the jobs of everybody,
    `your_running` and `your_queued` your own. `load`: averages over 1, 5 and 15 minutes. `disk_free_bytes`, `disk_bytes`: of the disk of
    its state folder. `refuses`: why it takes no new jobs. `members`: how many its roster has; `roster_problem`: why the roster's file is
    not in force. The latter two are told to an admin; any member learns that there is a problem. `resources`: what there is for jobs.
    `memory_problem`: why it does not limit the memory of jobs, whatever they ask for. `labels`: of the worker, which jobs can ask for.
    `warnings`: what its operators should look at, for who may see the jobs of others; `tells_troubles`: of the worker itself, too, and
    not only of those of a broker.
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
    """Return what to ask a worker; None if it is too old, and tells only what its greeting says."""
    return request_pb2.Request(status=request_pb2.Status()) if FEATURE in hello.features else None


def read_status(endpoint: str, hello: request_pb2.HelloReply, answer: Item | None) -> WorkerStatus:
    """Return what a worker says about itself; `answer`: to `status_request`, None if it was not asked.

    Raises Refused(INTERNAL) if it answered something else.
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
    """Return what a worker says that there is for jobs."""
    return tuple(Stock(one.name, one.total, one.used) for one in said)
