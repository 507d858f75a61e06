"""All workers of a broker: their identity, and their state, which the registry reports to the desk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from ....keys.identity import KEY_BYTES, Identity
from ....keys.members.rights import Member
from ....schemas.generated import request_pb2
from ....schemas.naming import AttemptKey, short_id
from ....schemas.refusal import Code, Reason, Refused
from ...desk.inputs import SetMachine
from ...desk.queue.stock import End
from ...engine import Ended, Fact
from ...requests.reads.hello import Silence
from ...sockets.peers import Peer
from .. import reports
from ..link import Link
from .standing import why_closed
from .worker import Carried, Worker, WorkerState

_log = logging.getLogger(__name__)

# Facts that the desk is told together: they hold the loop for about 10 ms.
_FACTS_A_TURN = 64


class Workers:
    """The workers, by their keys. `greeted(worker, hello)` is called when one is connected, `lost(worker)` when it no longer is."""

    def __init__(  # noqa: PLR0913 -- what they are told and tell
        self,
        identity: Identity,
        now_us: Callable[[], int],
        greeted: Callable[[Worker, request_pb2.HelloReply], None],
        lost: Callable[[Worker], None],
        hear: Callable[[Sequence[Fact]], None],
        set_machine: Callable[[SetMachine], None],
        member_of: Callable[[bytes], Member | None],
        *,
        departed: Mapping[bytes, str] = MappingProxyType({}),
        assumed_seconds: Callable[[str], float] = lambda _: 0.0,
        changed: Callable[[], None] = lambda: None,
        link: type[Link] = Link,
    ) -> None:
        """`hear` and `set_machine` report facts and machines to the desk; `member_of` returns the member with a key.

        `departed`: the names of workers that will not come back, by their keys. `assumed_seconds`: how long a job without a time limit is
        expected to take on the worker of a name, if that worker has an end. `changed` is called when one has joined, left or become idle.
        `link`: creates the link to one worker.
        """
        self._loop = asyncio.get_running_loop()
        self._link = link
        self._identity = identity
        self.now_us = now_us
        self._greeted = greeted
        self._lost = lost
        self._workers: dict[bytes, Worker] = {}
        # Who carries an attempt.
        self._carriers: dict[AttemptKey, Worker] = {}
        self._hear = hear
        self._set_machine = set_machine
        self._member_of = member_of
        self._assumed_seconds = assumed_seconds
        self._changed = changed
        self.closed = False
        # What the desk is told in the next turn of the loop.
        self._facts: list[Fact] = []
        # Those that do not come back, by the names that they had.
        self.departed = dict(departed)

    def close(self) -> None:
        """Stop reporting."""
        self.closed = True

    @property
    def all(self) -> Mapping[bytes, Worker]:
        """The workers that have joined, or on which jobs were placed."""
        return self._workers

    def get(self, key: bytes) -> Worker:
        """Return a worker by its key, or by its machine, which begins with the key."""
        key = key[:KEY_BYTES]
        found = self._workers.get(key)
        if found is None:
            link = self._link(self._identity, key, lambda hello: self._greeted(self.get(key), hello), lambda: self._lost(self.get(key)))
            found = self._workers[key] = Worker(key, link, self.now_us())
        return found

    def turn_bulk(self, worker: Worker, peer: Peer) -> None:
        """Use this connection for the bytes of logs, files and inputs from now on."""
        if worker.bulk is None:
            worker.bulk = self._link(self._identity, worker.key, lambda _: None, lambda: None)
        worker.bulk.turn(peer)

    def name_of(self, key: bytes) -> str:
        """Return the name of a worker in the roster, or the beginning of its key."""
        member = self._member_of(key)
        return member.name if member is not None else self.departed.get(key[:KEY_BYTES]) or short_id(key)

    def silence_of(self, machine: bytes) -> Silence | None:
        """Return for how many seconds a worker has not responded; None: it responds. A connected worker that is quiet is probed."""
        worker = self._workers.get(machine[:KEY_BYTES])
        if worker is None:
            return None
        if worker.link.is_up:
            seconds = worker.link.silent_for(self._loop.time())
            return None if seconds is None else Silence(self.name_of(worker.key), round(seconds * 1000))
        return Silence(self.name_of(worker.key), max(0, self.now_us() - worker.since_us) // 1000)

    def is_member(self, key: bytes) -> bool:
        """Return whether a worker is on the roster."""
        return self._member_of(key) is not None

    def is_gone(self, key: bytes) -> bool:
        """Return whether a worker, given by key or machine, will not come back."""
        return key[:KEY_BYTES] in self.departed

    def carrier(self, key: AttemptKey) -> tuple[Worker, Carried] | None:
        """Return the worker that carries an attempt; None if none does any more."""
        worker = self._carriers.get(key)
        return None if worker is None else (worker, worker.carried[key])

    def carry(self, worker: Worker, one: Carried) -> None:
        """Note that an attempt was placed on a worker."""
        worker.carried[one.key] = one
        self._carriers[one.key] = worker

    def let_go(self, key: AttemptKey) -> Worker | None:
        """Note that no worker carries an attempt any more; return the one that did."""
        worker = self._carriers.pop(key, None)
        if worker is not None:
            del worker.carried[key]
        return worker

    def become(self, worker: Worker, state: WorkerState) -> None:
        """Change the state of a worker: whether jobs may be placed on it."""
        if worker.state is not state:
            _log.info("worker %s is %s", self.name_of(worker.key), state.name.lower().replace("_", " "))
            worker.state, worker.since_us = state, self.now_us()
        if worker.store:
            self.tell_machine(worker)
        self._changed()

    def used(self, worker: Worker) -> None:
        """Note that a worker got a job or has ended one."""
        worker.used_at = self._loop.time()
        self._changed()

    def tell_machine(self, worker: Worker, *, renewed: bool = False) -> None:
        """Report the capacity of a worker to the desk; `renewed`: it may now accept what it has refused."""
        if worker.is_removed:
            # What it has is for nobody.
            return
        why = why_closed(worker)
        name = self.name_of(worker.key)
        end = End(worker.ends_at, self._assumed_seconds(name)) if worker.ends_at is not None else None
        order = SetMachine(
            worker.machine, name, worker.capacity, ready=not why, end=end, renewed=renewed, others=worker.others, why_closed=why
        )
        self.set_machine(order)

    def remove(self, worker: Worker, name: str) -> None:
        """Forget a worker that will not come back and carries nothing; jobs that ran there are shown with its former name."""
        self.departed[worker.key] = name
        self._workers.pop(worker.key, None)
        self.set_machine(SetMachine(worker.machine, "", None, ready=False, gone=True))
        # Whoever reads a log or a file there would wait for it to come back.
        for link in (worker.link, worker.bulk):
            if link is not None:
                link.give_up(self.cannot_reach(worker))

    def set_machine(self, order: SetMachine) -> None:
        """Report the capacity of a machine to the desk, after earlier reports."""
        while self._facts:
            self._tell()
        if not self.closed:
            self._set_machine(order)

    def hear(self, facts: Sequence[Fact]) -> None:
        """Report facts about jobs to the desk in the next turn of the loop; very many over several turns.

        A decision and a write cost little more for some facts than for one, and with many workers each fact comes in a message of its own.
        """
        if facts and not self._facts:
            self._loop.call_soon(self._tell)
        self._facts += facts

    def _tell(self) -> None:
        facts, self._facts = self._facts[:_FACTS_A_TURN], self._facts[_FACTS_A_TURN:]
        if self._facts:
            self._loop.call_soon(self._tell)
        if facts and not self.closed:
            self._hear(facts)

    def end(self, worker: Worker, carried: Sequence[Carried], end: Callable[[Carried], Ended]) -> None:
        """Report ends of attempts that their worker does not report."""
        for one in carried:
            if one.key in worker.carried:
                self.let_go(one.key)
        self.hear([end(one) for one in carried])

    def end_lost(self, worker: Worker, carried: Sequence[Carried], why: str) -> None:
        """Report attempts as lost: nobody can tell what happened to them."""
        self.end(worker, carried, partial(_lost_because, why, self.now_us()))

    def why_away(self, worker: Worker) -> str:
        """Return since when a worker is not connected, in words."""
        return reports.unreachable(self.name_of(worker.key), worker.since_us, stopped=worker.stopped)

    def cannot_reach(self, worker: Worker) -> Refused:
        """Return the refusal of an operation that needs a worker which is not connected."""
        if self.is_gone(worker.key):
            message = f"worker {self.name_of(worker.key)} has left with its allocation or was removed, and what was written there is gone"
            return Refused(Code.NOT_FOUND, message, "let jobs write what is to be kept to a folder that outlives their worker")
        return Refused(Code.UNAVAILABLE, self.why_away(worker), "try again when it is back", reason=Reason.UNREACHABLE)


def _lost_because(why: str, now_us: int, one: Carried) -> Ended:
    return reports.lost(one.key, one.pid, one.started_at_us, why, now_us)
