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
from typing import TYPE_CHECKING, Any, NamedTuple

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


async def serve(
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
    process = _prepare_process(settings, resumed)
    lock = StateLock(settings.state, resumed.lock if resumed else -1)
    closing.on_close(lock.release)
    demand_sound(settings.state)
    worker = _Worker(settings, process, lock, closing, resumed.reloads if resumed else Reloads(), pilot)
    try:
        daemon = await worker.open()
        if daemon is None:
            _log.info("told to exit before it was ready")
            return None
        description = worker.begin(daemon, ready)
        return await worker.until_told(daemon, description)
    finally:
        await worker.leave()


class _Process(NamedTuple):
    """This process, prepared for a worker: the signals that arrive, a sentence for each restriction, the descriptor limit for jobs."""

    signals: asyncio.Queue[signal.Signals]
    surroundings: list[str]
    files_limit: int
    has_terminal: bool


def _prepare_process(settings: WorkerSettings, resumed: Resumed | None) -> _Process:
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
    return _Process(signals, surroundings, files_limit, has_terminal)


class _Worker:
    """The parts of a worker, which tell each other, through it, what concerns a part that is made later. Each is added to `closing`."""

    def __init__(
        self, settings: WorkerSettings, process: _Process, lock: StateLock, closing: Closing, reloads: Reloads, pilot: Pilot | None
    ) -> None:
        self._settings = settings
        self._process = process
        self._lock = lock
        self._closing = closing
        self._reloads = reloads
        self._pilot = pilot
        self._identity = load_or_make(settings.state / "identity")
        # After the engine: what it still reports when it is closed is for the next worker, and must not reach a desk that is closed.
        self._desks = closing.own(Closing())
        self._engine = closing.own(
            LocalEngine(
                settings.state,
                settings.capacity,
                os.fsencode(settings.directory),
                files_limit=process.files_limit,
                feed_wait_ms=settings.feed_wait_ms,
                keep_free_bytes=settings.keep_free_bytes,
                rebooted=last_boot_id(settings.state) != boot_id(),
                on_hello=self._describe_anew,
            )
        )
        self._daemon: Daemon | None = None
        self._description: Description | None = None
        self._watch: FolderWatch | None = None
        self._line: Line | None = None
        # The process executes itself; or the worker ends because it was told to, and not because its folder is gone.
        self._is_passed_on = False
        self._was_told = False

    async def open(self) -> Daemon | None:
        """Open desk and store, and answer clients; return None if a signal to exit arrives before that is done."""
        supervisor, surroundings = self._engine.supervisor, self._process.surroundings
        host = Host(
            capacity_changed=self._describe_anew,
            roster_changed=self._stay_or_leave,
            troubles=lambda: find_troubles(supervisor.hello, surroundings, answers=supervisor.is_answering, state=process_state),
            leave=self._exit if self._pilot is not None else None,
        )
        opening = asyncio.create_task(_open(self._settings, self._identity, self._engine, host, self._desks))
        # It may wait for as long as the disk is full, or the supervisor does not answer.
        if not await completes(opening, self._process.signals, lambda one: one is not signal.SIGHUP):
            return None
        self._daemon = opening.result()
        return self._daemon

    def begin(self, daemon: Daemon, ready: Callable[[dict[str, Any]], None]) -> Description:
        """Describe the worker to other processes, join its broker, and announce that it is ready."""
        settings, loop = self._settings, asyncio.get_running_loop()
        description = Description(self._lock, settings, self._identity, self._engine, daemon, self._reloads, self._process.surroundings)
        description.write()
        self._description = description
        self._watch = self._closing.own(FolderWatch(self._lock, settings.state, loop, self._exit))
        self._line = line = _join(settings, self._identity, daemon, self._pilot)
        if line is not None:
            self._closing.own(line)
            if self._pilot is not None:
                self._pilot.begin(daemon, line, self._process.signals)
        answer_first()
        ready(description.fields())
        for endpoint in filter(None, (settings.listen, settings.event_listen)):
            _warn_of_loopback(endpoint)
        _log.info("ready: %s", json.dumps(description.fields()))
        if settings.caller:
            # Sent by a caller with fewer restrictions than the first (client/private_worker/caller.py); blocked until now.
            loop.add_signal_handler(signal.SIGUSR1, self._make_way, daemon)
        return description

    async def until_told(self, daemon: Daemon, description: Description) -> Resumed | None:
        """Serve until a signal; return what the process passes on if it executes itself, and None if it exits."""
        made_way = await _until_told(self._process.signals, self._engine, description, has_terminal=self._process.has_terminal)
        if made_way is not None:
            at = (daemon.endpoint, daemon.event_endpoint) if self._settings.listen else ("", "")
            self._is_passed_on = True
            return Resumed(self._lock.pass_on(), self._process.files_limit, made_way, *at)
        self._was_told = not self._is_folder_lost
        if self._pilot is not None:
            self._engine.hasher.hurry()
            await self._pilot.depart()
        return None

    async def leave(self) -> None:
        """Tell the supervisor, if it is not needed any more, and the brokers, if the worker was stopped."""
        nothing_runs = self._daemon is None or self._daemon.desk.needs_no_engine or self._is_folder_lost
        if nothing_runs and not self._is_passed_on:
            # It is not needed once its jobs have ended. It cancels this when the next worker sends hello.
            await self._engine.retire()
        if self._daemon is not None and self._was_told:
            self._daemon.tell_brokers_of_stop()

    @property
    def _is_folder_lost(self) -> bool:
        return self._watch is not None and bool(self._watch.loss)

    def _exit(self) -> None:
        self._process.signals.put_nowait(signal.SIGTERM)

    def _make_way(self, daemon: Daemon) -> None:
        if daemon.desk.is_idle:
            self._exit()

    def _describe_anew(self) -> None:
        # What is changed before it was written is in it anyway.
        if self._description is not None:
            self._description.write_anew()

    def _stay_or_leave(self) -> None:
        """Close the link to a broker that is no longer on the roster."""
        if self._daemon is not None and self._line is not None and not _is_relay(self._settings, self._daemon):
            _log.info("left the broker at %s, which is no longer on the roster", self._settings.join)
            self._line.close()


def _look_around(settings: WorkerSettings) -> list[str]:
    """Log the inherited restrictions that cannot be changed, and return them, one sentence each."""
    found = constraints.find() + ([settings.note] if settings.note else [])
    for sentence in found:
        _log.warning("this worker and its jobs are restricted by the process that started it: %s", sentence)
    return found


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
