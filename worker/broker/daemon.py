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


async def serve(settings: BrokerSettings, ready: Callable[[dict[str, Any]], None]) -> None:
    """Run a broker until SIGTERM or SIGINT; `ready` is called with its description once clients and workers can connect.

    Raises Refused if it cannot start.
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
    daemon: Daemon | None = None
    engine: FleetEngine | None = None
    contents: LocalDepot | None = None
    shelf: KeptLogs | None = None
    grower: Grower | None = None
    watch: FolderWatch | None = None
    try:
        identity = load_or_make(settings.state / "identity")
        contents = LocalDepot(settings.state, loop, _starts_nothing, _starts_nothing, settings.keep_free_bytes)
        shelf = _shelf(settings, loop)
        engine = FleetEngine(identity, contents, shelf=shelf)
        fleet = Broker(engine)
        daemon = Daemon(Foundation(_desk_settings(settings), identity), engine, fleet, engine.hasher)
        engine.open(daemon.desk.hear, daemon.desk.take, daemon.store.read, daemon.member_of, daemon.store.submit)

        def answering() -> None:
            nonlocal watch
            description = _describe(settings, daemon, identity)
            lock.note_store()
            lock.describe(description)
            watch = FolderWatch(lock, settings.state, loop, partial(told.put_nowait, None), who="broker")
            answer_first()
            ready(description)
            _log.info("ready: %s", json.dumps(description))
            let_signals_in()

        if await completes(asyncio.create_task(daemon.start(answering)), told):
            grower = _grow(settings, daemon, engine, identity)
            fleet.grow(grower)
            daemon.serve_all()
            await told.get()
    finally:
        if watch is not None:
            watch.close()
        if grower is not None:
            grower.close()
        # The engine first: what is reported from now on is reported again to the next broker, and must not reach a desk that closes.
        if engine is not None:
            engine.close()
        if daemon is not None:
            daemon.close()
        for part in (contents, shelf):
            if part is not None:
                part.close()
        lock.release()


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
    """Return what others are told of the broker."""
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
    """Do nothing: only the contents of a broker's depot are used, and folders of jobs are at the workers."""
    del said


def _grow(settings: BrokerSettings, daemon: Daemon, engine: FleetEngine, identity: Identity) -> Grower:
    """Return what asks clusters for more workers."""
    folder = settings.state / layout.GROWTH
    clusters: dict[str, Cluster] = {"slurm": Slurm(os.environ), "local": Local(folder)}
    doors = RosterDoors(settings.roster, where_reachable(daemon.endpoint), identity.public)
    book = Book.read(daemon.store, asyncio.get_running_loop().time())
    return Grower(book, daemon.desk, engine, clusters, doors, Folders(folder))
