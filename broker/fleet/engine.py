"""The engine of a broker: jobs are started by the worker that they were placed on, and by no other.

The placement of an attempt is in the store of the desk before it is sent. It is sent to that worker until it is accepted, which a worker
does once for each attempt. The worker reports its state until it is `settled`; a worker that reconnects first reports everything it knows,
and only then gets what it lacks.

A worker that cannot be reached keeps its jobs: they are shown as unreachable, and start nowhere else. They are lost only if the worker
reconnects without jobs that it had accepted, or with another store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from ...keys.identity import Identity
from ...keys.members.rights import Member
from ...schemas.clock import wall_us
from ...schemas.generated import request_pb2
from ...schemas.naming import AttemptKey
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.workers.capacity import Capacity
from ..desk.inputs import SetMachine
from ..engine import Delayed, Expected, Fact, Launch, LogPart, Run, Started, StreamName
from ..fairness.pace import Pace
from ..growth.book import Book
from ..sockets.peers import Peer
from ..store.rows.fleet import growth_rows, placements
from ..store.store import Store
from ..writes.growth import Growth
from .deliveries.deliveries import Deliveries
from .deliveries.starts import Starts
from .ended import EndedJobs
from .hashes import ToldHashes
from .link import Link
from .listener import Listener
from .orders import Orders
from .placing.placement import FleetStock
from .plausibility import hello_problem
from .settlements import GATHER_SECONDS, Settlements
from .transfers.brought_logs import BroughtLogs
from .transfers.contents import Contents, Sendings
from .transfers.depot import FleetDepot
from .transfers.shelf import NoShelf, Shelf
from .transfers.tails import Tails
from .unsupported import NothingAtOnce
from .workers import first_sign, greeting
from .workers.drains import Drains
from .workers.registry import Workers
from .workers.removals import Removals
from .workers.worker import Carried, Worker, WorkerState

_log = logging.getLogger(__name__)


class FleetEngine(NothingAtOnce):
    """The workers of one broker."""

    def __init__(  # noqa: PLR0913 -- what it is made of
        self,
        identity: Identity,
        contents: Contents,
        store: Store,
        *,
        hear: Callable[[Sequence[Fact]], None],
        set_machine: Callable[[SetMachine], None],
        member_of: Callable[[bytes], Member | None],
        named: Callable[[str], Member | None],
        accept_key: Callable[[request_pb2.Delegation], None],
        book: Book | None = None,
        now_us: Callable[[], int] = wall_us,
        gather_seconds: float = GATHER_SECONDS,
        link: type[Link] = Link,
        shelf: Shelf | None = None,
    ) -> None:
        """`store` is that of the desk, to which `hear` and `set_machine` report facts and machines.

        `member_of` and `named` return the member with a key or a name in the roster in force. `accept_key` is called with the key of a job,
        as reported by its worker. `book`: what is known about the workers that clusters gave. `gather_seconds`: for how long ends are
        collected before workers are told that they are durable. `link`: creates the link to one worker.
        """
        self._loop = asyncio.get_running_loop()
        self._store = store
        book = book or Book(store)
        self.workers = Workers(
            *(identity, now_us, self._greeted, self._lost, hear, set_machine, member_of),
            departed=growth_rows.read_departed(store.read),
            assumed_seconds=book.assumed_seconds,
            changed=book.look_soon,
            link=link,
        )
        self.stock = FleetStock(
            self._loop.time, self.workers.departed, lambda name: (found := named(name)) is not None and found.role == "worker"
        )
        self._orders = Orders(self.workers, store.read, self._loop)
        sendings = Sendings(contents)
        self._deliveries = Deliveries(self.workers, Starts(store.read), self._orders, sendings, self._loop)
        self.removals = removals = Removals(self.workers, store, self.depart, self._loop.call_later)
        self._settlements = Settlements(self.workers, self._loop, gather_seconds, removals.look)
        self.brought = BroughtLogs(shelf or NoShelf(), lambda key: placements.end_of(store.read, key), self._settlements.settle)
        self._ended = EndedJobs(self.workers, self._settlements, self.machine_of, self._loop, self.brought.takes)
        self.hasher = ToldHashes(lambda key: self._ended.settle([key]))
        self._tails = Tails()
        self._depot = FleetDepot(contents, sendings, self._worker_with_folder, self._loop)
        self.drains = Drains(self.workers, store)
        self.listener = Listener(self.workers, self.machine_of, self._tails, self._ended, self.hasher, self._complete, accept_key)

    def machine_of(self, key: AttemptKey) -> bytes:
        """Return where an attempt was placed; empty: nowhere."""
        return placements.machine_of(self._store.read, key)

    def close(self) -> None:
        """Stop reporting; the jobs of workers continue."""
        self.workers.close()

    @property
    def capacity(self) -> Capacity:
        """Empty: a broker runs no jobs itself."""
        return Capacity(0)

    @property
    def memory_problem(self) -> str:
        """Empty: each worker reports its own."""
        return ""

    @property
    def depot(self) -> FleetDepot:
        """What keeps files until workers have them."""
        return self._depot

    def _worker_with_folder(self, key: AttemptKey) -> Worker:
        machine = self.machine_of(key)
        if not machine and placements.waits(self._store.read, key.job):
            message = "the job is still waiting at the broker, so it has no folder on a worker yet"
            raise Refused(Code.FAILED_PRECONDITION, message, "try again when it runs", reason=Reason.NOT_STARTED)
        if not machine:
            raise Refused(Code.NOT_FOUND, "the job has no folder: it ended before it was sent to a worker", reason=Reason.NO_SUCH_FILE)
        worker = self.workers.get(machine)
        if not worker.link.is_up:
            raise self.workers.cannot_reach(worker)
        return worker

    # --- the workers

    def enlist(self, peer: Peer, left_ms: int | None = None) -> None:
        """Use this connection to a worker from now on; `left_ms`: for how long it still gets jobs."""
        worker = self.workers.get(peer.public)
        worker.used_at = self._loop.time()
        worker.ends_at = None if left_ms is None else worker.used_at + left_ms / 1000
        self.workers.become(worker, WorkerState.JOINING)
        worker.link.turn(peer)
        first_sign.expect(worker.link, peer, self._loop)

    def send_away(self, worker: Worker) -> None:
        """Tell an idle worker to exit; it gets no more jobs."""

        def answered(answer: request_pb2.Reply | Refused) -> None:
            if isinstance(answer, Refused):
                _log.warning("worker %s refuses to leave: %s", self.workers.name_of(worker.key), answer)

        worker.link.ask(request_pb2.Request(leave=request_pb2.Leave()), answered)

    def depart(self, worker: Worker | None, name: str) -> None:
        """Forget a worker that has left for good, or never connected; logs still to be removed there are gone with it."""
        self.drains.forget(name)
        if worker is None:
            return
        self.workers.remove(worker, name)
        self.brought.forget(worker)
        wanted, worker.to_discard = worker.to_discard, []
        self._ended.forget(wanted)

    def remove(self, key: bytes, name: str, why: str) -> int:
        """Forget a worker that is no longer on the roster. Its jobs are lost, with this reason; return how many there were."""
        worker = self.workers.get(key)
        worker.drained = False
        self.workers.become(worker, WorkerState.UNREACHABLE)
        lost = list(worker.carried.values())
        self.workers.end_lost(worker, lost, why)
        # Nobody waits for what it has any more, nor for what its software cannot do.
        self.depart(worker, name)
        return len(lost)

    def _greeted(self, worker: Worker, hello: request_pb2.HelloReply) -> None:
        if problem := hello_problem(hello):
            _log.error(
                "worker %s is disconnected, because it sent an invalid description of itself: %s", self.workers.name_of(worker.key), problem
            )
            worker.link.drop("sent an invalid description of itself")
            return
        self.removals.greeted(worker)
        if not worker.is_removed and self.workers.departed.pop(worker.key, None) is not None:
            # It was removed, and was let in again.
            self._store.submit(Growth(returned=[worker.key]), _nothing)
        if worker.store and worker.store != hello.store:
            self.workers.set_machine(SetMachine(worker.machine, "", None, ready=False))
        name = self.workers.name_of(worker.key)
        greeting.note(worker, hello, name, self.workers.now_us())
        self.workers.become(worker, WorkerState.JOINING)
        # Its software, its roster and its disk may be others than before.
        self.workers.tell_machine(worker, renewed=True)
        gone = [one for one in worker.carried.values() if one.machine != worker.machine]
        self.workers.end_lost(worker, gone, f"worker {name} came back with another store, and does not know what happened to it")
        self.listener.listen(worker)

    def _lost(self, worker: Worker) -> None:
        self.workers.become(worker, WorkerState.UNREACHABLE)
        why = self.workers.why_away(worker)
        self.workers.hear([Delayed(one, why) for one in worker.carried])

    def _complete(self, worker: Worker) -> None:
        """Send a reconnected worker what it lacks, now that it has reported everything it has."""
        unknown = [one for one in worker.carried.values() if one.key not in worker.reported]
        gone = [one for one in unknown if one.accepted or one.pid]
        self.workers.end_lost(worker, gone, f"worker {self.workers.name_of(worker.key)} no longer knows it")
        self.drains.let_work(worker)
        self._deliveries.deliver(worker, [one for one in unknown if one.key in worker.carried])
        self._orders.pass_all(worker)
        self._settlements.settle_at(worker)
        self._ended.discard_at(worker)
        self.removals.look(worker)

    # --- what is done to jobs

    def start(self, launches: Sequence[Launch]) -> None:
        """Send jobs to the workers that they were placed on."""
        by_machine: dict[bytes, list[Carried]] = {}
        for launch in launches:
            carried = Carried(launch.key, launch.machine, limited=launch.changed_limit_ms is not None, files=launch.spec.files)
            by_machine.setdefault(launch.machine, []).append(carried)
        for machine, placed in by_machine.items():
            worker = self.workers.get(machine)
            for one in placed:
                self.workers.carry(worker, one)
            worker.used_at = self._loop.time()
            if worker.takes_jobs and worker.machine == machine:
                self._deliveries.deliver(worker, placed)
            else:
                # It is gone since they were placed; they are sent when it is back.
                why = self.workers.why_away(worker)
                self._loop.call_soon(self.workers.hear, [Delayed(one.key, why) for one in placed])

    def end(self, key: AttemptKey, number: int, grace_ms: int) -> None:
        """Forward the request to stop a job; the worker does what it says."""
        del number, grace_ms
        self._orders.end(key)

    def limit(self, key: AttemptKey, limit_ms: int) -> None:
        """Forward the request for another time limit."""
        del limit_ms
        self._orders.limit(key)

    def signal(self, key: AttemptKey, number: int, done: Callable[[Refused | None], None], proof: bytes) -> None:
        """Forward a signal."""
        del number
        self._orders.signal(key, done, proof)

    def lend(self, key: AttemptKey, *, begins: bool) -> None:
        """Tell the worker that others may use the slots of a job."""
        self._orders.lend(key, begins=begins)

    def pause(self, key: AttemptKey, *, paused: bool, proof: bytes) -> None:
        """Forward that a job is to be suspended or resumed."""
        self._orders.pause(key, paused=paused, proof=proof)

    # --- what has ended, and what is found at the start

    def settled(self, keys: Sequence[AttemptKey]) -> None:
        """Tell the workers of these attempts that their ends are on the disk; first record hashes that came with them."""
        plain: list[AttemptKey] = []
        for key in keys:
            found = self.workers.carrier(key)
            if found is None or (fact := found[1].hashed_end) is None:
                plain.append(key)
                continue
            self.workers.let_go(key)
            self.hasher.hear(key, fact)
        self._ended.settle(plain)

    def discard(self, runs: Sequence[Run], done: Callable[[Sequence[Run]], None]) -> None:
        """Remove logs on their workers, when these are connected."""
        for run in runs:
            self.brought.shelf.drop(run.key)
        self._ended.discard(runs, done)

    async def recover(self, expected: Sequence[Expected]) -> Sequence[Fact]:
        """Return that these attempts are where they were placed; their workers report the rest when they are connected again."""
        facts: list[Fact] = []
        limited = placements.limited(self._store.read)
        why: dict[bytes, str] = {}
        pace = Pace()
        for one in expected:
            if not one.launched or not one.machine:
                continue
            await pace.rest()
            worker = self.workers.get(one.machine)
            if worker.key not in why:
                # Not for each job: what all workers have is added up anew.
                worker.store = worker.store or one.machine[len(worker.key) :]
                self.workers.become(worker, worker.state)
                why[worker.key] = self.workers.why_away(worker)
            # In the run before, it may have been sent.
            carried = Carried(one.key, one.machine, sent=True, limited=one.key.job in limited)
            carried.pid, carried.started_at_us = one.pid, one.started_at_us
            carried.files = one.spec.files if one.spec is not None else ()
            self.workers.carry(worker, carried)
            if one.pid:
                facts.append(Started(one.key, one.pid, one.started_at_us))
            facts.append(Delayed(one.key, why[worker.key]))
        return facts

    def tail_log(self, run: Run, stream: StreamName, lines: int, most_bytes: int) -> LogPart:
        """Return the last lines of a job that has ended recently, else nothing."""
        return self._tails.last(run.key, stream, lines, most_bytes)


def _nothing() -> None:
    """Do nothing once it is durable."""
