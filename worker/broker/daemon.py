"""The broker: a desk on top of other workers. Puts the parts together, announces that it is ready, exits on SIGTERM.

The workers keep their jobs when a broker exits, and report to the next one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

from ... import __version__
from ...broker.daemon import Daemon
from ...broker.fleet.engine import FleetEngine
from ...broker.fleet.verbs import Broker
from ...broker.foundation import Foundation
from ...broker.growth.book import Book
from ...broker.growth.cluster import Cluster
from ...broker.growth.folders import Folders
from ...broker.growth.grower import Grower
from ...broker.own_process.closing import Closing
from ...broker.retention.ages import FollowingAges
from ...broker.retention.limits import Keep
from ...broker.settings import Settings
from ...keys.holder import identify
from ...keys.identity import Identity, format_public, load_or_make
from ...keys.malloc import reuse_buffers
from ..daemon import raise_descriptor_limit
from ..depot.depot import LocalDepot
from ..own_process.early_signals import completes, hold_signals_back, let_signals_in
from ..own_process.priority import answer_first
from ..pairing.invite import where_reachable
from ..state import layout
from ..state.folder_watch import FolderWatch
from ..state.lock import StateLock
from .growth.doors import RosterDoors
from .growth.local import Local
from .growth.slurm import Slurm
from .kept_logs import KeptLogs
from .settings import BrokerSettings

_log = logging.getLogger(__name__)


async def serve(settings: BrokerSettings, ready: Callable[[dict[str, Any]], None], closing: Closing) -> None:
    """Run a broker until SIGTERM or SIGINT; `ready` is called with its description once clients and workers can connect.

    Its parts are added to `closing`, for the time after the last turn of the loop. Raises Refused if it cannot start.
    """
    # Each byte of a log passes twice.
    reuse_buffers()
    hold_signals_back()
    raise_descriptor_limit(None)
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[None] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.put_nowait, None)
    lock = StateLock(settings.state)
    closing.on_close(lock.release)
    identity = load_or_make(settings.state / "identity")
    shelf = closing.own(_shelf(settings, loop))
    contents = closing.own(LocalDepot(settings.state, loop, _starts_nothing, _starts_nothing, settings.keep_free_bytes))
    foundation = closing.own(Foundation(_desk_settings(settings), identity))
    book = Book.read(foundation.store)
    engine = closing.own(
        FleetEngine(
            *(identity, contents, foundation.store),
            hear=lambda facts: daemon.desk.hear(facts),  # noqa: PLW0108 -- it is created below, on this engine
            set_machine=lambda order: daemon.desk.take(order),  # noqa: PLW0108 -- as above
            accept_key=lambda said: daemon.accept_key(said),  # noqa: PLW0108 -- as above
            member_of=foundation.roster.member,
            named=foundation.roster.named,
            book=book,
            shelf=shelf,
        )
    )
    fleet = Broker(engine, foundation, book)
    daemon = Daemon(foundation, engine, fleet, engine.hasher)

    def answering() -> None:
        description = _describe(settings, daemon, identity)
        lock.note_store()
        lock.describe(description)
        closing.own(FolderWatch(lock, settings.state, loop, partial(told.put_nowait, None), who="broker"))
        answer_first()
        ready(description)
        _log.info("ready: %s", json.dumps(description))
        let_signals_in()

    if await completes(asyncio.create_task(daemon.start(answering)), told):
        fleet.grow(closing.own(_grower(settings, daemon, engine, book)))
        daemon.serve_all()
        await told.get()


def _desk_settings(settings: BrokerSettings) -> Settings:
    return Settings(
        "broker",
        f"jobwire {__version__}",
        settings.state / layout.STORE,
        settings.roster,
        settings.listen,
        settings.event_listen,
        Keep(settings.keep_seconds, settings.keep_jobs, settings.keep_bytes),
        settings.keep_free_bytes,
    )


def _shelf(settings: BrokerSettings, loop: asyncio.AbstractEventLoop) -> KeptLogs:
    ages = FollowingAges(settings.state)
    return KeptLogs(settings.state / layout.LOGS, settings.keep_log_bytes, settings.keep_free_bytes, loop, ages)


def _describe(settings: BrokerSettings, daemon: Daemon, identity: Identity) -> dict[str, Any]:
    """Return the description of this broker for other processes."""
    return {
        **identify(),
        "kind": "broker",
        "endpoint": daemon.endpoint,
        "event_endpoint": daemon.event_endpoint,
        "key": format_public(identity.public),
        "version": __version__,
        "state": str(settings.state),
        "roster": str(settings.roster),
        "keep_free_bytes": settings.keep_free_bytes,
        "pairs": True,
    }


def _starts_nothing(said: object) -> None:
    """Do nothing: of a broker's depot, only the contents are used; folders of jobs are on the workers."""
    del said


def _grower(settings: BrokerSettings, daemon: Daemon, engine: FleetEngine, book: Book) -> Grower:
    """Return what requests workers from clusters."""
    folder = settings.state / layout.GROWTH
    clusters: dict[str, Cluster] = {"slurm": Slurm(os.environ), "local": Local(folder)}
    doors = RosterDoors(settings.roster, where_reachable(daemon.endpoint), daemon.identity.public)
    return Grower(book, daemon.desk, engine, clusters, doors, Folders(folder))
