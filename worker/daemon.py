"""The worker: a desk on top of the engine of this machine. Connects the parts, announces that it is ready, exits on SIGTERM.

Jobs continue when a worker exits: supervisor and keeper keep running, and the next worker receives their facts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..broker.daemon import Daemon
from ..broker.foundation import Foundation
from ..broker.host import Host
from ..broker.own_process.closing import Closing
from ..broker.retention.limits import Keep
from ..broker.settings import Settings
from ..broker.sockets.binding import CannotListen
from ..keys.holder import process_state
from ..keys.identity import Identity, load_or_make, parse_public
from ..keys.malloc import reuse_buffers
from ..keys.members.rights import Right
from ..schemas.clock import boot_id
from ..schemas.endpoint import hidden_loopback, host_of
from ..schemas.refusal import Code, Refused
from . import reload, root_jobs
from .description import Description, last_boot_id
from .engine.engine import LocalEngine
from .engine.troubles import find as find_troubles
from .own_process import constraints, orphans
from .own_process.early_signals import completes, hold_signals_back, let_endings_in, let_signals_in
from .own_process.priority import answer_first
from .reload import Reloads, Resumed
from .settings import WorkerSettings
from .state import layout
from .state.folder_watch import FolderWatch
from .state.lock import StateLock, last_description
from .state.rebuild import demand_sound

if TYPE_CHECKING:
    from ..broker.relayed.line import Line
    from .pilot.pilot import Pilot

_log = logging.getLogger(__name__)

_LEAST_DESCRIPTORS = 128
ANY_LOOPBACK = "tcp://127.0.0.1"


async def serve(  # noqa: C901, PLR0912, PLR0915 -- each part is closed if it was opened
    settings: WorkerSettings,
    ready: Callable[[dict[str, Any]], None],
    closing: Closing,
    resumed: Resumed | None = None,
    pilot: Pilot | None = None,
) -> Resumed | None:
    """Run a worker until SIGTERM or SIGINT; `ready` is called with its description once clients can connect.

    What it opens is added to `closing`, for the time after the last turn of the loop.

    After SIGUSR1, a private worker exits if it is idle. After SIGHUP, returns what the process must pass on when it executes itself, with
    signals blocked; see reload.py. `pilot`: ends a worker in an allocation, with its jobs.

    Raises Refused if it cannot start.
    """
    if settings.listen:
        root_jobs.demand_for_clients(settings.listen, intended=settings.jobs_as_root)
    if settings.join:
        root_jobs.demand_for_broker(settings.join, intended=settings.jobs_as_root)
    surroundings = _look_around(settings)
    reuse_buffers()
    # Those that end it until its parts are made, all until it is ready: threads started meanwhile inherit the mask and never receive them.
    hold_signals_back()
    # Now, because the terminal may be closed before the worker is ready.
    has_terminal = reload.ends_with_terminal()
    files_limit = raise_descriptor_limit(resumed)
    loop = asyncio.get_running_loop()
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, signals.put_nowait, number)
    orphans.reap_from_now_on(loop)
    lock = StateLock(settings.state, resumed.lock if resumed else -1)
    passed_on: Resumed | None = None

    def release_lock() -> None:
        if passed_on is None:
            lock.release()

    closing.on_close(release_lock)
    # After the engine: what it still reports when it is closed is for the next worker, and must not reach a desk that is closed.
    desks = closing.own(Closing())
    was_told = False
    engine: LocalEngine | None = None
    daemon: Daemon | None = None
    watch: FolderWatch | None = None
    line: Line | None = None
    description: Description | None = None

    def write_anew() -> None:
        # What is changed before it was written is in it anyway.
        if description is not None:
            description.write_anew()

    try:
        demand_sound(settings.state)
        identity = load_or_make(settings.state / "identity")
        rebooted = last_boot_id(settings.state) != boot_id()
        engine = closing.own(
            LocalEngine(
                settings.state,
                settings.capacity,
                os.fsencode(settings.directory),
                files_limit=files_limit,
                feed_wait_ms=settings.feed_wait_ms,
                keep_free_bytes=settings.keep_free_bytes,
                rebooted=rebooted,
                on_hello=write_anew,
            )
        )
        line_to_jobs = engine.supervisor
        host = Host(
            capacity_changed=write_anew,
            roster_changed=lambda: _stay_or_leave(settings, daemon, line),
            troubles=lambda: find_troubles(line_to_jobs.hello, surroundings, answers=line_to_jobs.is_answering, state=process_state),
            leave=partial(signals.put_nowait, signal.SIGTERM) if pilot is not None else None,
        )
        opening = asyncio.create_task(_open(settings, identity, engine, host, desks))
        # It may wait for as long as the disk is full, or the supervisor does not answer.
        if not await completes(opening, signals, lambda one: one is not signal.SIGHUP):
            _log.info("told to exit before it was ready")
            return None
        daemon = opening.result()
        reloads = resumed.reloads if resumed else Reloads()
        description = Description(lock, settings, identity, engine, daemon, reloads, surroundings)
        description.write()
        watch = closing.own(FolderWatch(lock, settings.state, loop, lambda: signals.put_nowait(signal.SIGTERM)))
        line = _join(settings, identity, daemon, pilot)
        if line is not None:
            closing.own(line)
        if pilot is not None and line is not None:
            pilot.begin(daemon, line, signals)
        answer_first()
        ready(description.fields())
        for endpoint in filter(None, (settings.listen, settings.event_listen)):
            _warn_of_loopback(endpoint)
        _log.info("ready: %s", json.dumps(description.fields()))
        if settings.caller:
            # Sent by a caller with fewer restrictions than the first (client/private_worker/caller.py); blocked until now.
            loop.add_signal_handler(signal.SIGUSR1, _make_way, daemon, signals)
        made_way = await _until_told(signals, engine, description, has_terminal=has_terminal)
        # Not by itself, because its folder is gone.
        was_told = made_way is None and not watch.loss
        if made_way is not None:
            at = (daemon.endpoint, daemon.event_endpoint) if settings.listen else ("", "")
            passed_on = Resumed(lock.fileno(), files_limit, made_way, *at)
        elif pilot is not None:
            engine.hasher.hurry()
            await pilot.depart()
        return passed_on
    finally:
        nothing_runs = daemon is None or daemon.desk.needs_no_engine or (watch is not None and watch.loss)
        if engine is not None and passed_on is None and nothing_runs:
            # The supervisor is not needed once its jobs have ended. It cancels this when the next worker sends hello.
            await engine.retire()
        if daemon is not None and was_told:
            daemon.tell_brokers_of_stop()


def _look_around(settings: WorkerSettings) -> list[str]:
    """Log the inherited restrictions that cannot be changed, and return them, one sentence each."""
    found = constraints.find() + ([settings.note] if settings.note else [])
    for sentence in found:
        _log.warning("this worker and its jobs are restricted by the process that started it: %s", sentence)
    return found


def _make_way(daemon: Daemon, signals: asyncio.Queue[signal.Signals]) -> None:
    if daemon.desk.is_idle:
        signals.put_nowait(signal.SIGTERM)


async def _until_told(
    signals: asyncio.Queue[signal.Signals], engine: LocalEngine, description: Description, *, has_terminal: bool
) -> Reloads | None:
    """Wait until the worker is told to exit (None) or to reload; then the supervisor has exited already."""
    let_signals_in()
    while await signals.get() is signal.SIGHUP and reload.ends_with_terminal() == has_terminal:
        try:
            await reload.demand_successor(engine.supervisor.hello.handover)
        except Refused as refused:
            _log.error("not reloaded: %s", refused)
            description.reloads = Reloads(description.reloads.count + 1, problem=str(refused))
            description.write_anew()
            continue
        hold_signals_back()
        # A signal to exit that arrived meanwhile is not missed; another one to reload is covered by this reload.
        if _told_to_end(signals):
            return None
        made_way = Reloads(description.reloads.count + 1, note=await engine.reload())
        return None if _told_to_end(signals) else made_way
    return None


def _told_to_end(signals: asyncio.Queue[signal.Signals]) -> bool:
    return any(signals.get_nowait() is not signal.SIGHUP for _ in range(signals.qsize()))


async def _open(settings: WorkerSettings, identity: Identity, engine: LocalEngine, host: Host, desks: Closing) -> Daemon:
    """Return the desk, listening at the ports of the last run unless others were requested, so that waiting clients reconnect.

    It is added to `desks`, which closes it.
    """
    last = last_description(settings.state) or {} if not settings.listen else {}
    listen, event_listen = str(last.get("endpoint", "")), str(last.get("event_endpoint", ""))
    try:
        if listen.startswith(f"{ANY_LOOPBACK}:"):
            return await _open_at(settings, identity, engine, host, desks, listen, event_listen)
    except CannotListen as refused:
        _log.info("the ports of the last run are in use: %s", refused)
    return await _open_at(settings, identity, engine, host, desks, settings.listen or f"{ANY_LOOPBACK}:*", settings.event_listen)


async def _open_at(
    settings: WorkerSettings, identity: Identity, engine: LocalEngine, host: Host, desks: Closing, listen: str, event_listen: str
) -> Daemon:
    desk_settings = Settings(
        "worker",
        f"jobwire {__version__}",
        settings.state / layout.STORE,
        settings.roster,
        listen,
        event_listen,
        Keep(settings.keep_seconds, settings.keep_jobs, settings.keep_bytes),
        settings.keep_free_bytes,
        settings.offer,
        settings.state / layout.BROKER,
        has_broker=bool(settings.join),
    )
    daemon = desks.own(Daemon(Foundation(desk_settings, identity), engine, hasher=engine.hasher, host=host))
    try:
        engine.open(daemon.desk.hear, lambda: daemon.store.commits_are_short)
        let_endings_in()
        await daemon.start()
    except CannotListen:
        # Another one is opened at once, at other ports.
        daemon.close()
        raise
    return daemon


def _join(settings: WorkerSettings, identity: Identity, daemon: Daemon, pilot: Pilot | None) -> Line | None:
    """Return the link to the broker, if there is one that is on the roster. It is closed when the broker is removed from the roster."""
    if not settings.join:
        return None
    from ..broker.relayed.line import Line  # noqa: PLC0415 -- most workers have no broker

    if not _is_relay(settings, daemon):
        _log.warning("the broker at %s is not on the roster as a relay, so it is not joined", settings.join)
        return None
    key, loop = parse_public(settings.broker_key), asyncio.get_running_loop()
    software, left_ms = f"jobwire {__version__}", pilot.left_ms if pilot is not None else None
    return Line(settings.join, key, identity, daemon.context, loop, daemon.from_brokers, software, left_ms=left_ms)


def _stay_or_leave(settings: WorkerSettings, daemon: Daemon | None, line: Line | None) -> None:
    """Close the link to a broker that is no longer on the roster."""
    if daemon is not None and line is not None and not _is_relay(settings, daemon):
        _log.info("left the broker at %s, which is no longer on the roster", settings.join)
        line.close()


def _is_relay(settings: WorkerSettings, daemon: Daemon) -> bool:
    member = daemon.member_of(parse_public(settings.broker_key))
    return member is not None and Right.RELAY in member.rights


def _warn_of_loopback(endpoint: str) -> None:
    host = host_of(endpoint)
    # A host that cannot be resolved may be the name of an interface.
    with contextlib.suppress(OSError):
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        address = hidden_loopback(endpoint, [str(place[0]) for *_, place in found])
        if address:
            _log.warning(
                "%s is %s here (see /etc/hosts), which other machines cannot reach: listen at tcp://0.0.0.0:PORT or at an address",
                host,
                address,
            )


def raise_descriptor_limit(resumed: Resumed | None) -> int:
    """Raise the soft limit of descriptors as far as possible, and return the original one.

    Each connection and each followed log needs a descriptor. Raises Refused(FAILED_PRECONDITION) if the limit is too low: ZeroMQ aborts a
    process that has no descriptor left.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < _LEAST_DESCRIPTORS:
        raise Refused(
            Code.FAILED_PRECONDITION,
            f"only {hard} file descriptors are allowed, but a worker needs {_LEAST_DESCRIPTORS}, and 7 more for each job",
            "raise the limit: ulimit -n, or LimitNOFILE= of the service",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resumed.files_limit if resumed else soft
