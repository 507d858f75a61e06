"""One worker of a broker: its identity, what it carries, and what it is still to be told."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ....schemas.generated import request_pb2
from ....schemas.jobs.brought_files import BroughtFile
from ....schemas.naming import AttemptKey
from ....schemas.workers.capacity import NOBODYS, Capacity, Wants
from ...engine import Run
from ..link import Link


class WorkerState(enum.IntEnum):
    """Whether a worker gets jobs; numbers as in request.proto."""

    JOINING = 1
    READY = 2
    DRAINING = 3
    UNREACHABLE = 4
    NEVER_SEEN = 5
    REMOVED = 6


@dataclass(slots=True, eq=False)
class Carried:
    """An attempt at a job that was placed on a worker and has not ended, as far as the desk knows."""

    key: AttemptKey
    # Worker and store; another store of the same worker knows nothing of it.
    machine: bytes
    # It may have reached the worker: it is never sent to another one, and never taken back.
    sent: bool = False
    # The worker has it on its disk: if it does not know it any more, it is lost.
    accepted: bool = False
    # The requested end, as long as it is not reported.
    ending: bool = False
    # Deliveries of it that are not answered.
    under_way: int = 0
    # It has another time limit than its spec says, which the worker learns beside it.
    limited: bool = False
    # Others may use its slots: it waits for jobs that it has started.
    lends: bool = False
    pid: int = 0
    started_at_us: int = 0
    # What it brings.
    files: Sequence[BroughtFile] = ()
    # What its worker tells about its end, if hashes of parts of its output come with that: they are recorded after it.
    hashed_end: request_pb2.Fact | None = None


@dataclass(slots=True, eq=False)
class Discarding:
    """Logs to be removed on workers, and whom to call when they are."""

    left: int
    gone: list[Run]
    done: Callable[[Sequence[Run]], None]


@dataclass(slots=True, eq=False)
class Worker:
    """One worker, by its public key; its name is the one in the roster."""

    key: bytes
    link: Link
    since_us: int
    state: WorkerState = WorkerState.UNREACHABLE
    drained: bool = False
    # It has said that it was stopped on its machine, and was not connected since.
    stopped: bool = False
    # Its further connection, for bytes; None: it never had one.
    bulk: Link | None = None
    # It gets no jobs for a while, because it has no space for them.
    held_off: bool = False
    # Whether a job that it does not accept is surely not there.
    returns: bool = False
    # When it ends, and when it was given a job or had ended one the last time; on the scale of the engine's `passed`.
    ends_at: float | None = None
    used_at: float = 0.0
    # Of the store that it had when it was last connected.
    store: bytes = b""
    host: str = ""
    software: str = ""
    features: frozenset[str] = frozenset()
    # How far its clock was ahead when it was last connected.
    clock_ahead_us: int = 0
    capacity: Capacity | None = None
    # What of it other jobs have, that is, not those of this broker.
    others: Wants = NOBODYS
    stocks: Sequence[request_pb2.Stock] = ()
    carried: dict[AttemptKey, Carried] = field(default_factory=dict)
    # The signed starts that its present run was sent, by their SHA-256, and parts of batches, with their number behind that: the last ones.
    starts: set[bytes] = field(default_factory=set)
    # Whether the stream of facts was opened, and what was reported since it was last connected.
    follows: bool = False
    reported: set[AttemptKey] = field(default_factory=set)
    to_settle: dict[AttemptKey, None] = field(default_factory=dict)
    to_discard: list[tuple[Run, Discarding]] = field(default_factory=list)
    # Attempts whose logs are brought to the broker, as the worker leaves with its allocation; and what begins each, the first under way.
    brings: dict[AttemptKey, None] = field(default_factory=dict)
    to_bring: deque[Callable[[], None]] = field(default_factory=deque)
    # Requests to forget ends that are not answered.
    unsettled: int = 0
    # It is on the roster no more, and was let in to be told of that (removals.py). Whether it was, and why it does not stop its jobs.
    is_removed: bool = False
    is_told_of_removal: bool = True
    stops_not: str = ""

    @property
    def machine(self) -> bytes:
        """The worker together with its store."""
        return self.key + self.store

    @property
    def link_for_bytes(self) -> Link:
        """The link for logs, files and inputs: a second connection, if the same run of the worker made both."""
        return self.bulk if self.bulk is not None and self.bulk.run and self.bulk.run == self.link.run else self.link

    @property
    def takes_jobs(self) -> bool:
        """Whether it is connected, and its reports were read."""
        return self.state in (WorkerState.READY, WorkerState.DRAINING)
