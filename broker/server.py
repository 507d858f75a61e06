"""The server: what answers requests, over sockets that are bound last. Connects endpoints, who may come in, and the handlers of verbs.

Everything else that a daemon is made of is there before (parts.py); nothing is decided here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from ..keys.identity import Identity
from ..keys.members.rights import PAIRING
from ..keys.members.roster_changes import differences
from ..schemas.clock import wall_us
from ..schemas.naming import AttemptKey
from .engine import Engine, LogHasher
from .fairness.apart import Apart
from .fairness.cpu_shares import TURN_SECONDS, Shares
from .fairness.turns import Turns
from .host import Host
from .jobs.job import Job
from .kind import Fleet, House
from .log_hashes import LogHashes
from .notary import Notary
from .parts import Closing, Parts
from .requests.dispatch import Dispatch, Handler
from .requests.held import HeldRequests
from .requests.members import change_members, list_members
from .requests.reads.hello import FEATURES, Introduction, Silence
from .requests.schedules import Parts as Schedules
from .requests.table import handlers
from .settings import Settings
from .sockets.binding import bind_events, bind_with, endpoint_for_clients
from .sockets.router import Router
from .store.rows.fleet import relays

if TYPE_CHECKING:
    from .relayed.table import RelayedVerbs

_log = logging.getLogger(__name__)


class Server:
    """Answers the requests to a daemon once it is open. `nonce`: of this run; `closing` closes what is opened. The others: see Daemon."""

    def __init__(  # noqa: PLR0917 -- what a daemon is given
        self,
        settings: Settings,
        identity: Identity,
        nonce: bytes,
        engine: Engine,
        fleet: Fleet | None,
        hasher: LogHasher | None,
        host: Host,
        closing: Closing,
    ) -> None:
        self._settings = settings
        self._identity = identity
        self._nonce = nonce
        self._engine = engine
        self._fleet = fleet
        self._hasher = hasher
        self._host = host
        self._closing = closing
        self._loop = asyncio.get_running_loop()
        self._turns = Turns(self._loop, self._turn_seconds)
        self._held = HeldRequests(self._turns)
        self._parts: Parts | None = None
        self._shares: Shares | None = None
        self._dispatch: Dispatch | None = None
        self.endpoint = ""
        self.event_endpoint = ""
        self.router: Router | None = None
        # What serves its brokers, if it is a worker that has some.
        self.relayed: RelayedVerbs | None = None

    def hold_back(self) -> None:
        """Hold requests that depend on all jobs until `let_in`."""
        self._held.hold_back()

    def let_in(self) -> None:
        """Handle the requests that were held."""
        if self._dispatch is not None:
            self._held.let_in(self._dispatch.take)

    def open(self, parts: Parts) -> None:
        """Bind the sockets, and answer what comes in there.

        Raises CannotListen if an endpoint cannot be bound.
        """
        self._parts, identity = parts, self._identity
        self.event_endpoint = bind_events(parts.publisher.bind, self._settings.listen, self._settings.event_listen)
        notary = Notary(identity, parts.store.id)
        verbs = self._handlers(parts, notary)
        relayed = self.relayed = self._relay(parts, verbs, notary)
        if self._hasher is not None:
            LogHashes(parts.store, parts.lookup, self._hasher, relayed.hashed if relayed is not None else _told_nobody).open()
        entrance, delegates = parts.entrance, parts.delegates
        dispatch = self._dispatch = Dispatch(
            *(identity.public, self._nonce, entrance.member, verbs, self._turns, delegates.statement),
            held=self._held,
            apart=self._closing.own(Apart()),
        )
        shares = self._shares = self._closing.own(Shares(self._loop.call_later, dispatch.take))
        self.router = self._closing.own(
            Router(parts.context, identity, self._loop, entrance.limits_of, shares, parts.bans.ban, delegates.account)
        )
        self.endpoint = bind_with(self.router.bind, self._settings.listen, "--listen")
        # Only now, as it disconnects members; an earlier change is read at once.
        self._loop.add_reader(parts.roster.fileno(), self.read_roster)
        self._closing.on_close(partial(self._loop.remove_reader, parts.roster.fileno()))

    def _handlers(self, parts: Parts, notary: Notary) -> Mapping[str, Handler]:
        """Return what handles the requests of clients, by verb."""
        fleet, desk, store, lookup = self._fleet, parts.desk, parts.store, parts.lookup
        check = fleet.check if fleet is not None else None
        verbs = handlers(
            desk=desk,
            lookup=lookup,
            watchers=parts.watchers,
            followed=parts.followed,
            forgetting=parts.forgetting,
            engine=self._engine,
            store=store,
            news=parts.news,
            introduction=self._introduction(parts),
            condition=parts.condition,
            member_of=parts.roster.member,
            named=parts.roster.named,
            ages=parts.ages,
            shortage=parts.shortage,
            placed=parts.retention.folder_changed,
            capacity_changed=self._set_by_operator,
            check=check,
            notary=notary if fleet is None else None,
            staging=parts.staging,
            pair=parts.pairing.pair,
            list_members=lambda call: list_members(call, parts.roster),
            change_members=lambda call: change_members(call, parts.edits),
            of_schedules=Schedules(
                *(parts.timetable, parts.starter, store, lookup, desk, self._engine, parts.staging, parts.roster.member, parts.shortage),
                wall_us,
                check,
            ),
        )
        if fleet is None:
            return verbs
        of_fleet = House(*(desk, lookup, store, parts.watchers, parts.followed, parts.roster, self._turns, parts.edits, parts.delegates))
        fleet.connect(of_fleet)
        return {**verbs, **fleet.verbs(of_fleet)}

    def _introduction(self, parts: Parts) -> Introduction:
        fleet = self._fleet
        return Introduction(
            self._settings.kind,
            self._settings.software,
            self._identity.public,
            parts.store.id,
            self._nonce,
            endpoint_for_clients(self.event_endpoint),
            lambda: parts.queue.slots,
            lambda: FEATURES if fleet is None else fleet.features,
            wall_us,
            lambda key: self._silence_of(parts.desk.live.get(key)),
        )

    def _silence_of(self, job: Job | None) -> Silence | None:
        return self._fleet.silence_of(job.machine) if self._fleet is not None and job is not None and job.machine else None

    def _relay(self, parts: Parts, verbs: Mapping[str, Handler], notary: Notary) -> RelayedVerbs | None:
        """Return what serves the brokers of this worker; None if it has joined none and has nothing left that one has to be told."""
        if not self._settings.has_broker and not relays.has_unsettled(parts.store.read):
            return None
        from .relayed.table import RelayedVerbs  # noqa: PLC0415 -- most workers have no broker

        return RelayedVerbs(
            desk=parts.desk,
            lookup=parts.lookup,
            store=parts.store,
            engine=self._engine,
            watchers=parts.watchers,
            followed=parts.followed,
            forgetting=parts.forgetting,
            member_of=parts.roster.member,
            verbs=verbs,
            notary=notary,
            leave=self._host.leave,
            offer=self._settings.offer,
            is_hashing=self._hasher.is_hashing if self._hasher is not None else lambda _: False,
        )

    def dispatch_of_brokers(self) -> Dispatch:
        """Return what takes the requests that come over the link to a broker, of a worker that has joined one.

        Raises RuntimeError if it has not, or is not open.
        """
        from .relayed.table import read  # noqa: PLC0415 -- as above

        if self._parts is None or self.relayed is None:
            message = "no broker was joined"
            raise RuntimeError(message)
        return Dispatch(self._identity.public, self._nonce, self._parts.roster.member, self.relayed.handlers, self._turns, read=read)

    def cut_off(self, public: bytes) -> None:
        """Disconnect an identity from the router."""
        if self.router is not None:
            self.router.cut_off(public)

    def charge(self, public: bytes, seconds: float) -> None:
        """Count time of the loop for an identity, whose next requests wait the longer for it."""
        if self._shares is not None:
            self._shares.charge(public, seconds)

    def serves_others(self, public: bytes) -> bool:
        """Return whether another identity has sent a request recently."""
        return self._shares is not None and self._shares.serves_others(public)

    def _turn_seconds(self) -> float:
        return self._shares.turn_seconds(self._loop.time()) if self._shares is not None else TURN_SECONDS

    def usage_changed(self) -> None:
        """Tell the brokers of this worker what its jobs have now."""
        if self.relayed is not None:
            self.relayed.usage_changed()

    def tell_brokers_capacity(self) -> None:
        """Tell the brokers of this worker what it has for jobs now."""
        if self.relayed is not None:
            self.relayed.capacity_changed()

    def tell_brokers_of_stop(self) -> None:
        """Tell the brokers of this worker that it was stopped."""
        if self.relayed is not None:
            self.relayed.stopped()

    def _set_by_operator(self) -> None:
        self._host.capacity_changed()
        self.tell_brokers_capacity()

    def read_roster(self) -> None:
        """Disconnect members whose entry changed or is gone; they may connect again with their present rights."""
        parts = self._parts
        if parts is None or self.router is None:
            return
        before = parts.roster.roster.members
        if not parts.roster.drain():
            return
        for sentence in differences(before, parts.roster.roster.members):
            _log.info("roster: %s", sentence)
        parts.pairing.roster_changed()
        for member in before:
            now = parts.roster.member(member.key)
            # A token that was used up a moment ago is still to be answered, over the connection that it has.
            if now != member and not (now is not None and now.role == member.role == PAIRING):
                parts.news.revoke_all(member.key)
                parts.publisher.cut_off(member.key)
                self.router.cut_off(member.key)
                parts.delegates.cut_off(member.key)
        parts.desk.reconsider()
        if self.relayed is not None:
            self.relayed.roster_changed()
        self._host.roster_changed()


def _told_nobody(key: AttemptKey) -> None:
    """Tell no broker that the output of a job is hashed: this worker has none."""
    del key
