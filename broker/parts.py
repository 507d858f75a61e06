"""The parts of a daemon between foundation and server: each part is created with those that it needs, and closed before them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from ..keys.handshake import Handshake
from ..keys.holder import DESCRIPTION
from ..keys.sockets import new_context
from ..schemas.clock import Clock, Reading, passed_us, wall_us
from ..schemas.naming import JobKey
from .access.delegates import Delegates
from .access.entrance import Entrance
from .desk.desk import Desk
from .desk.queue.queue import Queue
from .desk.state import State
from .engine import Engine
from .fairness.cpu_shares import Shares
from .fleet_interface import Fleet
from .foundation import Foundation
from .health.condition import Condition
from .health.self_check import SelfCheck
from .health.troubles import Trouble
from .host import Host
from .jobs.job import Job
from .pairing.edits import RosterEdits
from .pairing.pair import Pairing
from .requests.asked_jobs import forget_specs
from .retention.ages import Ages
from .retention.files import FileSweep
from .retention.followed import Followed
from .retention.forget import Forgetting
from .retention.limits import Retention
from .schedules.starter import Starter
from .schedules.timetable import Timetable
from .sockets.bans import Bans
from .sockets.connections import most_of_descriptors
from .sockets.publisher import Publisher
from .sockets.router import Router
from .sockets.zmq_reader import EdgeReader
from .staging.staging import Staging
from .store import kept
from .store.free_space import Room
from .store.queries import Lookup
from .store.rows.fleet import relays
from .streams.news import News

_log = logging.getLogger(__name__)


class Serving(Protocol):
    """The part that answers requests."""

    router: Router
    shares: Shares

    def read_roster(self) -> None:
        """Disconnect members whose entry changed or was removed."""
        ...

    def usage_changed(self) -> None:
        """Note that jobs use more or less of the capacity."""
        ...


class Parts:
    """The parts of a daemon, which are closed with its foundation. `engine`, `fleet` and `host` are those of Daemon."""

    def __init__(  # noqa: PLR0915 -- what a daemon is made of, on one screen
        self, foundation: Foundation, engine: Engine, fleet: Fleet | None, host: Host, server: Callable[[], Serving]
    ) -> None:
        """`server()` returns the server, which is created from these parts: it can be called once the daemon is complete."""
        loop, closing = asyncio.get_running_loop(), foundation.closing
        own, settings, identity = closing.own, foundation.settings, foundation.identity

        def job_cut_off(public: bytes, account: bytes) -> None:
            """Disconnect a job that acts for its owner no more, or has other rights than before."""
            self.news.revoke_all(public, account)
            self.publisher.cut_off(public)
            server().router.cut_off(public)

        def job_ended() -> None:
            self.retention.look_soon()
            self.timetable.job_ended()

        def charge(owner: bytes, seconds: float) -> None:
            server().shares.charge(owner, seconds)

        def serves_others(public: bytes) -> bool:
            return server().shares.serves_others(public)

        def troubles() -> Iterator[Trouble]:
            """Iterate over what those who run it should look at."""
            said = [self.desk.recovering, *(fleet.warnings() if fleet is not None else ())]
            yield from (Trouble(None, sentence) for sentence in said if sentence)
            yield from host.troubles()
            yield from self_check.troubles()

        self.roster, self.store, self.watchers = foundation.roster, foundation.store, foundation.watchers
        self.edits = own(RosterEdits(settings.roster, lambda: server().read_roster(), loop))
        self.pairing = Pairing(
            self.edits, identity.public, lambda: self.roster.roster.temporary_keys, lambda: Reading(passed_us(), wall_us())
        )
        self.context = new_context()
        closing.on_close(self.context.term)
        self.bans = Bans()
        # The desk's jobs, which it adds.
        live: dict[JobKey, Job] = {}
        self.delegates = Delegates(
            *(identity, self.store.id, str(settings.store.absolute().with_name(DESCRIPTION)), self.roster.member, live, job_cut_off),
            relay_of=lambda key: relays.relay_of(self.store.read, key),
            relay_description=str(settings.relay.absolute()),
            derives=fleet is None,
        )
        self.entrance = Entrance(self.roster, self.pairing, self.delegates, fleet)
        handshake = own(Handshake(self.context, self.entrance.admit, self.bans.is_banned))
        own(EdgeReader(loop, handshake.socket, handshake.drain))
        self.news = News(self.store.id, foundation.nonce, self.store.head, time.monotonic)
        self.publisher = own(
            Publisher(self.context, identity, loop, self.news, self.entrance.limits_of, self.bans.ban, self.delegates.account)
        )
        stored = kept.totals(self.store)
        self.ages = Ages(settings.store.parent, fresh=stored.jobs == 0 and self.store.head < stored.first_seq)
        self.followed = Followed(most_of_descriptors())
        self.forgetting = Forgetting(self.store, engine, self.followed.holds, forget_specs)
        self.retention = own(Retention(settings.keep, self.store, self.forgetting, self.followed, loop, self.ages, engine.depot))
        capacity = engine.capacity
        self.queue = Queue(capacity.slots, lambda owner: self.roster.limits_of(owner).running_jobs, fleet.stock if fleet else None)
        state = State(self.queue, live, capacity=capacity)
        room = Room(settings.store.parent, settings.keep_free_bytes)
        began = time.monotonic()
        self.condition = Condition(
            self.queue, room, self.roster, lambda: int((time.monotonic() - began) * 1_000_000), lambda: engine.memory_problem, troubles
        )
        self.lookup = Lookup(self.store, state.live)
        state.settings = self.lookup.capacity()
        self.queue.set_capacity(state.settings.over(capacity))
        if set_by_operator := state.settings.rows():
            _log.info("set by an operator, instead of what the worker was started with: %s", ", ".join(map("=".join, set_by_operator)))
        self_check = SelfCheck(room, self.store, foundation.errors, lambda: self.queue.slots if fleet is None else 0)
        self.file_sweep = own(FileSweep(engine.depot, self.lookup, loop))
        self.desk = own(
            Desk(
                *(state, self.store, self.lookup, engine, self.publisher, self.watchers, Clock(), self.ages),
                limits_of=self.roster.limits_of,
                shortage=room.shortage,
                ended=job_ended,
                usage_changed=lambda: server().usage_changed(),
                delegates=self.delegates,
                waits=fleet.waits if fleet else None,
                charge=charge,
            )
        )
        self.staging = own(Staging(self.store, self.desk, self.lookup, self.ages, loop, serves_others))
        self.starter = Starter(self.desk, self.staging, state.live, self.roster.member, room.shortage, loop)
        self.timetable = own(Timetable(self.store, self.starter, loop))
        # Returns why new jobs are refused at the moment, if so.
        self.shortage = room.shortage
