"""Assembles a desk: sockets, roster, store, news, handlers. Common to all daemons, whatever their engine.

The parts are created from the bottom up, each with those that it needs, and closed in reverse order. The handshake handler runs before a
server socket binds (without it, libzmq admits every key); jobs are recovered before anybody can ask for them; and only then the endpoints
are bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..keys.handshake import Handshake
from ..keys.holder import DESCRIPTION
from ..keys.identity import Identity
from ..keys.members.rights import PAIRING, Member
from ..keys.members.roster import RosterFile
from ..keys.members.roster_changes import differences
from ..keys.sockets import new_context
from ..schemas.clock import Clock, Reading, passed_us, wall_us
from ..schemas.frames import NONCE_BYTES
from ..schemas.naming import AttemptKey, JobKey
from .condition import Condition
from .delegates import Delegates
from .desk.desk import Desk
from .desk.queue.queue import Queue
from .desk.state import State
from .engine import Engine, LogHasher
from .entrance import Entrance
from .fairness.cpu_shares import TURN_SECONDS, Shares
from .fairness.turns import Turns
from .host import NO_HOST, Host
from .jobs.job import Job
from .kind import Fleet, House
from .log_hashes import LogHashes
from .notary import Notary
from .pairing.edits import RosterEdits
from .pairing.pair import Pairing
from .requests.dispatch import Handler, Reception
from .requests.held import HeldRequests
from .requests.members import change_members, list_members
from .requests.reads.hello import FEATURES, Introduction
from .requests.schedules import Parts as Schedules
from .requests.start import forget_specs
from .requests.table import handlers
from .retention.ages import Ages
from .retention.files import FileSweep
from .retention.followed import Followed
from .retention.forget import Forgetting
from .retention.limits import Retention
from .schedules.starter import Starter
from .schedules.timetable import Timetable
from .self_check import LoggedErrors, SelfCheck
from .settings import Settings
from .sockets.bans import Bans
from .sockets.binding import bind_events, bind_with, endpoint_for_clients
from .sockets.connections import most_of_descriptors
from .sockets.publisher import Publisher
from .sockets.router import Endpoint
from .sockets.zmq_reader import EdgeReader
from .staging.staging import Staging
from .store import kept
from .store.free_space import Room
from .store.queries import Lookup
from .store.rows import relays
from .store.store import Store
from .streams.news import News
from .streams.watchers import Watchers
from .troubles import Trouble

if TYPE_CHECKING:
    from .relayed.table import RelayedVerbs

_log = logging.getLogger(__name__)


class Part(Protocol):
    """Something that must be closed."""

    def close(self) -> None:
        """Release everything."""
        ...


_Part = TypeVar("_Part", bound=Part)


class Daemon:
    """A desk with its sockets. Created and used on one running loop."""

    def __init__(
        self,
        settings: Settings,
        identity: Identity,
        engine: Engine,
        fleet: Fleet | None = None,
        hasher: LogHasher | None = None,
        host: Host = NO_HOST,
    ) -> None:
        """`fleet`: what makes it a broker. `hasher`: what hashes the output of jobs that have ended. `host`: the process around it."""
        self._host = host
        self._hasher = hasher
        self._settings = settings
        self._fleet = fleet
        self._identity = identity
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._nonce = os.urandom(NONCE_BYTES)
        # Closed in reverse order.
        self._parts = contextlib.ExitStack()
        self.endpoint = ""
        self.event_endpoint = ""
        self._router: Endpoint | None = None
        self._shares: Shares | None = None
        # What serves its brokers, if it is a worker that has some.
        self._relayed: RelayedVerbs | None = None
        self._let_in: Callable[[], None] = lambda: None
        try:
            self._make_desk()
        except BaseException:
            self.close()
            raise

    def _make_desk(self) -> None:
        """Create everything below the requests, from the bottom up: each part gets the parts that were created before it."""
        settings, loop = self._settings, self._loop
        self._roster = self._own(RosterFile(settings.roster, lambda problem: _log.error("roster: %s", problem)))
        self._edits = self._own(RosterEdits(settings.roster, self._read_roster, loop))
        self._pairing = Pairing(
            self._edits, self._identity.public, lambda: self._roster.roster.temporary_keys, lambda: Reading(passed_us(), wall_us())
        )
        errors = self._own(LoggedErrors())
        self._watchers = Watchers()
        self.store = self._own(Store(settings.store, loop, self._watchers.flush))
        self.context = new_context()
        self._parts.callback(_close, self.context.term)
        self._bans = Bans()
        # The desk's jobs, which it adds.
        live: dict[JobKey, Job] = {}
        description = str(settings.store.absolute().with_name(DESCRIPTION))
        self._delegates = delegates = Delegates(
            *(self._identity, self.store.id, description, self._roster.member, live, self._cut_off_job),
            relay_of=lambda key: relays.relay_of(self.store.read, key),
            relay_description=str(settings.relay.absolute()),
            derives=self._fleet is None,
        )
        entrance = self._entrance = Entrance(self._roster, self._pairing, delegates, self._fleet)
        handshake = self._own(Handshake(self.context, entrance.admit, self._bans.is_banned))
        self._own(EdgeReader(loop, handshake.socket, handshake.drain))
        self._news = News(self.store.id, self._nonce, self.store.head, time.monotonic)
        self._publisher = self._own(
            Publisher(self.context, self._identity, loop, self._news, entrance.limits_of, self._bans.ban, delegates.account)
        )
        stored = kept.totals(self.store)
        self._ages = Ages(settings.store.parent, fresh=stored.jobs == 0 and self.store.head < stored.first_seq)
        self._followed = Followed(most_of_descriptors())
        self._forgetting = Forgetting(self.store, self._engine, self._followed.holds, forget_specs)
        self._retention = self._own(
            Retention(settings.keep, self.store, self._forgetting, self._followed, loop, self._ages, self._engine.depot)
        )
        capacity = self._engine.capacity
        queue = Queue(capacity.slots, lambda owner: self._roster.limits_of(owner).running_jobs, self._fleet.stock if self._fleet else None)
        state = State(queue, live, capacity=capacity)
        room = Room(settings.store.parent, settings.keep_free_bytes)
        self._shortage = room.shortage
        began = time.monotonic()
        self._condition = Condition(
            queue,
            room,
            self._roster,
            lambda: int((time.monotonic() - began) * 1_000_000),
            lambda: self._engine.memory_problem,
            self._troubles,
        )
        self._lookup = Lookup(self.store, state.live)
        state.settings = self._lookup.capacity()
        queue.set_capacity(state.settings.over(capacity))
        if set_by_operator := state.settings.rows():
            _log.info("set by an operator, instead of what the worker was started with: %s", ", ".join(map("=".join, set_by_operator)))
        self.queue = queue
        self._self_check = SelfCheck(room, self.store, errors, lambda: queue.slots if self._fleet is None else 0)
        self._file_sweep = self._own(FileSweep(self._engine.depot, self._lookup, loop))
        self.desk = self._own(
            Desk(
                state,
                self.store,
                self._lookup,
                self._engine,
                self._publisher,
                self._watchers,
                Clock(),
                self._ages,
                limits_of=self._roster.limits_of,
                shortage=self._shortage,
                ended=self._job_ended,
                delegates=delegates,
                waits=self._fleet.waits if self._fleet else None,
            )
        )
        self._staging = self._own(Staging(self.store, self.desk, self._lookup, self._ages, loop, self._serves_others))
        self._starter = Starter(self.desk, self._staging, state.live, self._roster.member, self._shortage, loop)
        self._timetable = self._own(Timetable(self.store, self._starter, loop))

    async def start(self, answering: Callable[[], None] = lambda: None) -> None:
        """Recover jobs, and accept connections. A broker, whose jobs may be very many, does both at the same time.

        `answering` is called when it can be connected to; requests that depend on all jobs wait until `serve_all`.

        Raises CannotListen if an endpoint cannot be bound.
        """
        self._staging.open()
        turns = Turns(self._loop, self._turn_seconds)
        held = HeldRequests(turns)
        if self._fleet is None:
            # Jobs that act for their owners can come in when they are known again.
            await self._recover()
            self._accept_connections(turns, held)
            answering()
        else:
            held.hold_back()
            self.desk.await_recovery()
            reception = self._accept_connections(turns, held)
            answering()
            await self._recover()
            self._let_in = partial(held.let_in, reception.take)
        self._retention.open()
        self._timetable.open()
        self._file_sweep.open()

    def serve_all(self) -> None:
        """Have requests answered that have waited for all jobs to be known, now that everything is."""
        self._let_in()

    async def _recover(self) -> None:
        await self.desk.recover()
        await self._staging.recover()

    def _accept_connections(self, turns: Turns, held: HeldRequests) -> Reception:
        """Bind the sockets, and return what takes the requests that come in there."""
        self.event_endpoint = bind_events(self._publisher.bind, self._settings.listen, self._settings.event_listen)
        notary = Notary(self._identity, self.store.id)
        verbs = self._handlers(turns, notary)
        relayed = self._relayed = self._relay(verbs, turns, notary)
        if self._hasher is not None:
            LogHashes(self.store, self._lookup, self._hasher, relayed.hashed if relayed is not None else _told_nobody).open()
        entrance, delegates = self._entrance, self._delegates
        reception = Reception(self._identity.public, self._nonce, entrance.member, verbs, turns, delegates.statement, held=held)
        shares = self._shares = self._own(Shares(self._loop.call_later, reception.take))
        self._router = self._own(
            Endpoint(self.context, self._identity, self._loop, entrance.limits_of, shares, self._bans.ban, delegates.account)
        )
        self.endpoint = bind_with(self._router.bind, self._settings.listen, "--listen")
        # Only now, as it disconnects members; an earlier change is read at once.
        self._loop.add_reader(self._roster.fileno(), self._read_roster)
        self._parts.callback(_close, partial(self._loop.remove_reader, self._roster.fileno()))
        return reception

    def _handlers(self, turns: Turns, notary: Notary) -> Mapping[str, Handler]:
        """Return what handles the requests of clients, by verb."""
        check = self._fleet.check if self._fleet is not None else None
        verbs = handlers(
            desk=self.desk,
            lookup=self._lookup,
            watchers=self._watchers,
            followed=self._followed,
            forgetting=self._forgetting,
            engine=self._engine,
            store=self.store,
            news=self._news,
            introduction=self._introduction(),
            condition=self._condition,
            member_of=self._roster.member,
            named=self._roster.named,
            ages=self._ages,
            shortage=self._shortage,
            placed=self._retention.folder_changed,
            capacity_changed=self._set_by_operator,
            check=check,
            notary=notary if self._fleet is None else None,
            staging=self._staging,
            pair=self._pairing.pair,
            list_members=lambda call: list_members(call, self._roster),
            change_members=lambda call: change_members(call, self._edits),
            of_schedules=Schedules(
                self._timetable,
                self._starter,
                self.store,
                self._lookup,
                self.desk,
                self._engine,
                self._staging,
                self._roster.member,
                self._shortage,
                wall_us,
                check,
            ),
        )
        if self._fleet is not None:
            house = House(
                self.desk, self._lookup, self.store, self._watchers, self._followed, self._roster, turns, self._edits, self._delegates
            )
            return {**verbs, **self._fleet.verbs(house)}
        return verbs

    def _introduction(self) -> Introduction:
        return Introduction(
            self._settings.kind,
            self._settings.software,
            self._identity.public,
            self.store.id,
            self._nonce,
            endpoint_for_clients(self.event_endpoint),
            lambda: self.queue.slots,
            lambda: FEATURES if self._fleet is None else self._fleet.features,
            wall_us,
        )

    def _relay(self, verbs: Mapping[str, Handler], turns: Turns, notary: Notary) -> RelayedVerbs | None:
        """Return what serves the brokers of this worker; None if it has joined none and has nothing left that one has to be told."""
        if not self._settings.has_broker and not relays.has_unsettled(self.store.read):
            return None
        from .relayed.table import RelayedVerbs, read  # noqa: PLC0415 -- most workers have no broker

        relayed = RelayedVerbs(
            desk=self.desk,
            lookup=self._lookup,
            store=self.store,
            engine=self._engine,
            watchers=self._watchers,
            followed=self._followed,
            forgetting=self._forgetting,
            member_of=self._roster.member,
            verbs=verbs,
            notary=notary,
            leave=self._host.leave,
            offer=self._settings.offer,
            is_hashing=self._hasher.is_hashing if self._hasher is not None else lambda _: False,
        )
        self.from_brokers = Reception(self._identity.public, self._nonce, self._roster.member, relayed.handlers, turns, read=read)
        return relayed

    def _troubles(self) -> Iterator[Trouble]:
        """Iterate over what those who run it should look at."""
        said = [self.desk.recovering, *(self._fleet.warnings() if self._fleet is not None else ())]
        yield from (Trouble(None, sentence) for sentence in said if sentence)
        yield from self._host.troubles()
        yield from self._self_check.troubles()

    def _cut_off_job(self, public: bytes, account: bytes) -> None:
        """Disconnect a job that acts for its owner no more, or has other rights than before."""
        self._news.revoke_all(public, account)
        self._publisher.cut_off(public)
        if self._router is not None:
            self._router.cut_off(public)

    def member_of(self, public: bytes) -> Member | None:
        """Look a public key up in the roster that is in force."""
        return self._roster.member(public)

    def tell_brokers_capacity(self) -> None:
        """Tell the brokers of this worker what it has for jobs now."""
        if self._relayed is not None:
            self._relayed.capacity_changed()

    def _set_by_operator(self) -> None:
        self._host.capacity_changed()
        self.tell_brokers_capacity()

    def _serves_others(self, public: bytes) -> bool:
        return self._shares is not None and self._shares.serves_others(public)

    def _turn_seconds(self) -> float:
        return self._shares.turn_seconds(self._loop.time()) if self._shares is not None else TURN_SECONDS

    def _job_ended(self) -> None:
        self._retention.look_soon()
        self._timetable.job_ended()

    async def all_settled(self) -> None:
        """Return when the brokers of this worker have recorded how all jobs ended that they have delivered."""
        settled = asyncio.Event()
        if self._relayed is not None:
            self._relayed.registry.when_empty(settled.set)
            await settled.wait()

    def close(self) -> None:
        """Close everything in reverse order; jobs continue."""
        self._parts.close()

    def _own(self, part: _Part) -> _Part:
        self._parts.callback(_close, part.close)
        return part

    def _read_roster(self) -> None:
        """Disconnect members whose entry changed or is gone; they may connect again with their present rights."""
        before, router = self._roster.roster.members, self._router
        if router is None or not self._roster.drain():
            return
        for sentence in differences(before, self._roster.roster.members):
            _log.info("roster: %s", sentence)
        self._pairing.roster_changed()
        for member in before:
            now = self._roster.member(member.key)
            # A token that was used up a moment ago is still to be answered, over the connection that it has.
            if now != member and not (now is not None and now.role == member.role == PAIRING):
                self._news.revoke_all(member.key)
                self._publisher.cut_off(member.key)
                router.cut_off(member.key)
                self._delegates.cut_off(member.key)
        self.desk.reconsider()
        if self._relayed is not None:
            self._relayed.roster_changed()
        self._host.roster_changed()


def _told_nobody(key: AttemptKey) -> None:
    """Tell no broker that the output of a job is hashed: this worker has none."""
    del key


def _close(close: Callable[[], object]) -> None:
    try:
        close()
    except Exception:  # noqa: BLE001 -- logged, and the others must be closed in any case
        # A failure must not keep the others open: a store that is not closed keeps its thread, and the process with it.
        _log.exception("a part of the worker could not be closed; the others are")
