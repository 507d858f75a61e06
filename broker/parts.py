"""What a daemon is made of, below its server: each part is created with those that it needs, and closed before them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import zmq

from ..keys.handshake import Handshake
from ..keys.holder import DESCRIPTION
from ..keys.identity import Identity
from ..keys.members.roster import RosterFile
from ..keys.sockets import new_context
from ..schemas.clock import Clock, Reading, passed_us, wall_us
from ..schemas.naming import JobKey
from ..schemas.refusal import Refused
from .delegates import Delegates
from .desk.desk import Desk
from .desk.queue.queue import Queue
from .desk.state import State
from .engine import Engine
from .entrance import Entrance
from .health.condition import Condition
from .health.self_check import LoggedErrors, SelfCheck
from .health.troubles import Trouble
from .host import Host
from .jobs.job import Job
from .kind import Fleet
from .pairing.edits import RosterEdits
from .pairing.pair import Pairing
from .requests.start import forget_specs
from .retention.ages import Ages
from .retention.files import FileSweep
from .retention.followed import Followed
from .retention.forget import Forgetting
from .retention.limits import Retention
from .schedules.starter import Starter
from .schedules.timetable import Timetable
from .settings import Settings
from .sockets.bans import Bans
from .sockets.connections import most_of_descriptors
from .sockets.publisher import Publisher
from .sockets.zmq_reader import EdgeReader
from .staging.staging import Staging
from .store import kept
from .store.free_space import Room
from .store.queries import Lookup
from .store.rows import relays
from .store.store import Store
from .streams.news import News
from .streams.watchers import Watchers

_log = logging.getLogger(__name__)


class Part(Protocol):
    """Something that must be closed."""

    def close(self) -> None:
        """Release everything."""
        ...


_Part = TypeVar("_Part", bound=Part)


class Closing:
    """Closes what it owns in reverse order."""

    def __init__(self) -> None:
        self._owned = contextlib.ExitStack()

    def own(self, part: _Part) -> _Part:
        """Return the part, which is closed when this is."""
        self.on_close(part.close)
        return part

    def on_close(self, close: Callable[[], object]) -> None:
        """Call this when what was owned after it is closed."""
        self._owned.callback(_close, close)

    def close(self) -> None:
        """Close everything. What cannot be closed is logged."""
        self._owned.close()


def _close(close: Callable[[], object]) -> None:
    try:
        close()
    except Exception:  # noqa: BLE001 -- logged, and the others must be closed in any case
        # A failure must not keep the others open: a store that is not closed keeps its thread, and the process with it.
        _log.exception("a part of the worker could not be closed; the others are")


class Serving(Protocol):
    """What answers requests, which is opened last."""

    def read_roster(self) -> None:
        """Disconnect members whose entry changed or is gone."""
        ...

    def cut_off(self, public: bytes) -> None:
        """Disconnect an identity."""
        ...

    def serves_others(self, public: bytes) -> bool:
        """Return whether another identity has sent a request recently."""
        ...

    def usage_changed(self) -> None:
        """Note that jobs have more or less of what there is."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a daemon, from the bottom up."""

    # Who may come in.
    roster: RosterFile
    edits: RosterEdits
    pairing: Pairing
    delegates: Delegates
    entrance: Entrance
    # Sockets.
    context: zmq.Context[zmq.Socket[bytes]]
    bans: Bans
    publisher: Publisher
    # What is recorded, and for how long.
    store: Store
    lookup: Lookup
    ages: Ages
    followed: Followed
    forgetting: Forgetting
    retention: Retention
    file_sweep: FileSweep
    # Jobs.
    queue: Queue
    desk: Desk
    staging: Staging
    starter: Starter
    timetable: Timetable
    # What is told about them.
    watchers: Watchers
    news: News
    condition: Condition
    # Returns why new jobs are refused at the moment, if so.
    shortage: Callable[[], Refused | None]


def assemble(  # noqa: PLR0915, PLR0917 -- what a daemon is made of, on one screen
    settings: Settings, identity: Identity, nonce: bytes, engine: Engine, fleet: Fleet | None, host: Host, server: Serving, closing: Closing
) -> Parts:
    """Return the parts of a daemon, which `closing` closes, also those that were created before one that could not be."""
    loop, own = asyncio.get_running_loop(), closing.own

    def job_cut_off(public: bytes, account: bytes) -> None:
        """Disconnect a job that acts for its owner no more, or has other rights than before."""
        news.revoke_all(public, account)
        publisher.cut_off(public)
        server.cut_off(public)

    def job_ended() -> None:
        retention.look_soon()
        timetable.job_ended()

    def troubles() -> Iterator[Trouble]:
        """Iterate over what those who run it should look at."""
        said = [desk.recovering, *(fleet.warnings() if fleet is not None else ())]
        yield from (Trouble(None, sentence) for sentence in said if sentence)
        yield from host.troubles()
        yield from self_check.troubles()

    roster = own(RosterFile(settings.roster, lambda problem: _log.error("roster: %s", problem)))
    edits = own(RosterEdits(settings.roster, server.read_roster, loop))
    pairing = Pairing(edits, identity.public, lambda: roster.roster.temporary_keys, lambda: Reading(passed_us(), wall_us()))
    errors = own(LoggedErrors())
    watchers = Watchers()
    store = own(Store(settings.store, loop, watchers.flush))
    context = new_context()
    closing.on_close(context.term)
    bans = Bans()
    # The desk's jobs, which it adds.
    live: dict[JobKey, Job] = {}
    delegates = Delegates(
        *(identity, store.id, str(settings.store.absolute().with_name(DESCRIPTION)), roster.member, live, job_cut_off),
        relay_of=lambda key: relays.relay_of(store.read, key),
        relay_description=str(settings.relay.absolute()),
        derives=fleet is None,
    )
    entrance = Entrance(roster, pairing, delegates, fleet)
    handshake = own(Handshake(context, entrance.admit, bans.is_banned))
    own(EdgeReader(loop, handshake.socket, handshake.drain))
    news = News(store.id, nonce, store.head, time.monotonic)
    publisher = own(Publisher(context, identity, loop, news, entrance.limits_of, bans.ban, delegates.account))
    stored = kept.totals(store)
    ages = Ages(settings.store.parent, fresh=stored.jobs == 0 and store.head < stored.first_seq)
    followed = Followed(most_of_descriptors())
    forgetting = Forgetting(store, engine, followed.holds, forget_specs)
    retention = own(Retention(settings.keep, store, forgetting, followed, loop, ages, engine.depot))
    capacity = engine.capacity
    queue = Queue(capacity.slots, lambda owner: roster.limits_of(owner).running_jobs, fleet.stock if fleet else None)
    state = State(queue, live, capacity=capacity)
    room = Room(settings.store.parent, settings.keep_free_bytes)
    began = time.monotonic()
    condition = Condition(queue, room, roster, lambda: int((time.monotonic() - began) * 1_000_000), lambda: engine.memory_problem, troubles)
    lookup = Lookup(store, state.live)
    state.settings = lookup.capacity()
    queue.set_capacity(state.settings.over(capacity))
    if set_by_operator := state.settings.rows():
        _log.info("set by an operator, instead of what the worker was started with: %s", ", ".join(map("=".join, set_by_operator)))
    self_check = SelfCheck(room, store, errors, lambda: queue.slots if fleet is None else 0)
    file_sweep = own(FileSweep(engine.depot, lookup, loop))
    desk = own(
        Desk(
            *(state, store, lookup, engine, publisher, watchers, Clock(), ages),
            limits_of=roster.limits_of,
            shortage=room.shortage,
            ended=job_ended,
            usage_changed=server.usage_changed,
            delegates=delegates,
            waits=fleet.waits if fleet else None,
        )
    )
    staging = own(Staging(store, desk, lookup, ages, loop, server.serves_others))
    starter = Starter(desk, staging, state.live, roster.member, room.shortage, loop)
    timetable = own(Timetable(store, starter, loop))
    return Parts(
        roster=roster,
        edits=edits,
        pairing=pairing,
        delegates=delegates,
        entrance=entrance,
        context=context,
        bans=bans,
        publisher=publisher,
        store=store,
        lookup=lookup,
        ages=ages,
        followed=followed,
        forgetting=forgetting,
        retention=retention,
        file_sweep=file_sweep,
        queue=queue,
        desk=desk,
        staging=staging,
        starter=starter,
        timetable=timetable,
        watchers=watchers,
        news=news,
        condition=condition,
        shortage=room.shortage,
    )
