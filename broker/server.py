"""The server: answers requests over sockets, which are bound last. Connects endpoints, authentication, and the handlers of verbs.

All other parts of a daemon are created before it (parts.py). Decides nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from ..keys.members.rights import PAIRING
from ..keys.members.roster_changes import differences
from ..schemas.clock import wall_us
from ..schemas.naming import AttemptKey
from .access.notary import Notary
from .engine import Engine, LogHasher
from .fairness.apart import Apart
from .fairness.cpu_shares import Shares
from .fairness.turns import Turns
from .fleet_interface import Fleet
from .foundation import Foundation
from .host import Host
from .jobs.job import Job
from .log_hashes import LogHashes
from .parts import Parts
from .requests.dispatch import Dispatch, Handler
from .requests.held_requests import HeldRequests
from .requests.members import change_members, list_members
from .requests.reads.hello import FEATURES, Introduction, Silence
from .requests.schedules import Parts as Schedules
from .requests.table import handlers
from .sockets.binding import bind_events, bind_with, endpoint_for_clients
from .sockets.router import Router
from .store.rows.fleet import relays

if TYPE_CHECKING:
    from .relayed.permitted_verbs import RelayedVerbs

_log = logging.getLogger(__name__)


class Server:
    """Answers the requests to a daemon once it is open. `engine`, `fleet`, `hasher`, `host`: see Daemon."""

    def __init__(
        self, foundation: Foundation, parts: Parts, engine: Engine, fleet: Fleet | None, hasher: LogHasher | None, host: Host
    ) -> None:
        self._settings = foundation.settings
        self._identity = foundation.identity
        self._nonce = foundation.nonce
        self._closing = foundation.closing
        self._parts = parts
        self._engine = engine
        self._fleet = fleet
        self._hasher = hasher
        self._host = host
        self._loop = loop = asyncio.get_running_loop()
        self._turns = Turns(loop, lambda: self.shares.turn_seconds(loop.time()))
        self._held = HeldRequests(self._turns)
        # Empty before they are bound.
        self.endpoint = ""
        self.event_endpoint = ""
        notary = Notary(self._identity, parts.store.id)
        verbs = self._handlers(notary)
        # What serves its brokers, if it is a worker that has some.
        self.relayed = self._relay(verbs, notary)
        entrance, delegates, own = parts.entrance, parts.delegates, foundation.closing.own
        self._dispatch = Dispatch(
            *(self._identity.public, self._nonce, entrance.member, verbs, self._turns, delegates.statement),
            held=self._held,
            apart=own(Apart()),
        )
        self.shares = own(Shares(loop.call_later, self._dispatch.take))
        self.router = own(Router(parts.context, self._identity, loop, entrance.limits_of, self.shares, parts.bans.ban, delegates.account))

    def hold_back(self) -> None:
        """Hold requests that depend on all jobs until `let_in`."""
        self._held.hold_back()

    def let_in(self) -> None:
        """Handle the held requests."""
        self._held.let_in(self._dispatch.take)

    def open(self) -> None:
        """Bind the sockets, and answer requests.

        Raises CannotListen if an endpoint cannot be bound.
        """
        parts, listen = self._parts, self._settings.listen
        self.event_endpoint = bind_events(parts.publisher.bind, listen, self._settings.event_listen)
        if self._hasher is not None:
            LogHashes(parts.store, parts.lookup, self._hasher, self.relayed.hashed if self.relayed is not None else _told_nobody).open()
        self.endpoint = bind_with(self.router.bind, listen, "--listen")
        # Only now, as it disconnects members; an earlier change is read at once.
        self._loop.add_reader(parts.roster.fileno(), self.read_roster)
        self._closing.on_close(partial(self._loop.remove_reader, parts.roster.fileno()))

    def _handlers(self, notary: Notary) -> Mapping[str, Handler]:
        """Return the handlers of clients' requests, by verb."""
        parts, fleet = self._parts, self._fleet
        desk, store, lookup = parts.desk, parts.store, parts.lookup
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
            introduction=self._introduction(),
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
        return {**verbs, **fleet.verbs(desk, lookup, parts.edits)}

    def _introduction(self) -> Introduction:
        parts, fleet = self._parts, self._fleet
        return Introduction(
            self._settings.kind,
            self._settings.software,
            self._identity.public,
            parts.store.id,
            self._nonce,
            lambda: endpoint_for_clients(self.event_endpoint),
            lambda: parts.queue.slots,
            lambda: FEATURES if fleet is None else fleet.features,
            wall_us,
            lambda key: self._silence_of(parts.desk.live.get(key)),
        )

    def _silence_of(self, job: Job | None) -> Silence | None:
        return self._fleet.silence_of(job.machine) if self._fleet is not None and job is not None and job.machine else None

    def _relay(self, verbs: Mapping[str, Handler], notary: Notary) -> RelayedVerbs | None:
        """Return what serves the brokers of this worker; None if it has joined none, and none has to be told anything."""
        parts = self._parts
        if not self._settings.has_broker and not relays.has_unsettled(parts.store.read):
            return None
        from .relayed.permitted_verbs import RelayedVerbs  # noqa: PLC0415 -- most workers have no broker

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
        """Return the handler of requests over the link to a broker, for a worker that has joined one.

        Raises RuntimeError if it has not.
        """
        from .relayed.permitted_verbs import read  # noqa: PLC0415 -- as above

        if self.relayed is None:
            message = "no broker was joined"
            raise RuntimeError(message)
        return Dispatch(self._identity.public, self._nonce, self._parts.roster.member, self.relayed.handlers, self._turns, read=read)

    def usage_changed(self) -> None:
        """Report to the brokers of this worker what its jobs use now."""
        if self.relayed is not None:
            self.relayed.usage_changed()

    def tell_brokers_capacity(self) -> None:
        """Report this worker's present capacity for jobs to its brokers."""
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
        """Disconnect members whose entry changed or was removed; they may reconnect with their present rights."""
        parts = self._parts
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
    """Do nothing: this worker has no broker to tell that output of a job was hashed."""
    del key
