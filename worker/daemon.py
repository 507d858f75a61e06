"""The worker: a desk on top of the engine of this machine. Puts the parts together, says when it is ready, ends on SIGTERM.

Ending a worker ends no job: supervisor and keeper go on, and the next worker takes their facts up.
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
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .. import __version__
from ..broker.daemon import Daemon, Settings
from ..broker.retention.limits import Keep
from ..keys.holder import DESCRIPTION, identify
from ..keys.identity import Identity, format_public, load_or_make
from ..schemas.refusal import Code, Refused
from . import constraints, orphans, reload
from .engine.engine import LocalEngine
from .listening import hidden_loopback, is_loopback
from .malloc import reuse_buffers
from .priority import answer_first
from .reload import Reloads, Resumed
from .state import layout
from .state.folder_watch import FolderWatch
from .state.lock import StateLock, last_description
from .state.rebuild import demand_sound

_log = logging.getLogger(__name__)

_LEAST_DESCRIPTORS = 128
ANY_LOOPBACK = "tcp://127.0.0.1"


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker is told. `listen` and `event_listen` empty: loopback, the ports of the last run if they are free."""

    state: Path
    roster: Path
    slots: int
    directory: Path
    listen: str = ""
    event_listen: str = ""
    jobs_as_root: bool = False
    # How much of what has ended is kept, None: without limit; and how much of the disk stays free.
    keep_seconds: float | None = None
    keep_jobs: int | None = None
    keep_bytes: int | None = None
    keep_free_bytes: int = 0
    # What is to be known of how it was started, from who started it.
    note: str = ""
    # Of a private worker: what its caller said of itself, for later callers to compare themselves with.
    caller: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Description:
    """What a worker says of itself: made anew each time, for supervisor and keeper may be others than before."""

    lock: StateLock
    settings: WorkerSettings
    identity: Identity
    engine: LocalEngine
    daemon: Daemon
    reloads: Reloads
    # What it was started with and cannot change, a sentence each.
    surroundings: list[str]

    def fields(self) -> dict[str, Any]:
        return {
            **identify(),
            "endpoint": self.daemon.endpoint,
            "event_endpoint": self.daemon.event_endpoint,
            "key": format_public(self.identity.public),
            "version": __version__,
            "slots": self.settings.slots,
            "state": str(self.settings.state),
            "roster": str(self.settings.roster),
            "supervisor_pid": self.engine.supervisor_pid,
            "keeper_pid": self.engine.keeper_pid,
            "cgroups": self.engine.cgroups,
            "surroundings": self.surroundings,
            "caller": self.settings.caller,
            "reloads": asdict(self.reloads),
        }

    def write_anew(self) -> None:
        try:
            self.lock.describe(self.fields())
        except OSError as error:
            # The disk is full, for instance: only the pids of supervisor and keeper are out of date then.
            _log.warning("%s could not be brought up to date: %s", error.filename or "the description", error.strerror)


async def serve(settings: WorkerSettings, ready: Callable[[dict[str, Any]], None], resumed: Resumed | None = None) -> Resumed | None:
    """Run a worker until SIGTERM or SIGINT; `ready` gets what it says of itself once it can be spoken to.

    After SIGUSR1 a private worker ends if it has nothing to do.
    After SIGHUP it gives what the process has to pass on when it executes itself, with signals held back; reload.py tells more.
    Raises Refused if it cannot start.
    """
    _check_root(settings)
    surroundings = _look_around(settings)
    reuse_buffers()
    # Until it is ready, so that threads that are started meanwhile never take them.
    reload.hold_signals_back()
    # Now: it may be closed before we are ready.
    has_terminal = reload.ends_with_terminal()
    files_limit = raise_descriptor_limit(resumed)
    loop = asyncio.get_running_loop()
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, signals.put_nowait, number)
    orphans.reap_from_now_on(loop)
    lock = StateLock(settings.state, resumed.lock if resumed else -1)
    passed_on: Resumed | None = None
    engine: LocalEngine | None = None
    daemon: Daemon | None = None
    watch: FolderWatch | None = None
    description: _Description | None = None
    try:
        demand_sound(settings.state)
        identity = load_or_make(settings.state / "identity")
        rebooted = _last_boot_id(settings.state) != _boot_id()
        engine = LocalEngine(
            settings.state,
            settings.slots,
            os.fsencode(settings.directory),
            files_limit=files_limit,
            rebooted=rebooted,
            # The first one says hello before there is anything to bring up to date.
            on_hello=lambda: description.write_anew() if description is not None else None,
        )
        daemon = await _open(settings, identity, engine)

        reloads = resumed.reloads if resumed else Reloads()
        description = _Description(lock, settings, identity, engine, daemon, reloads, surroundings)
        _describe(lock, description)
        watch = FolderWatch(lock, settings.state, loop, lambda: signals.put_nowait(signal.SIGTERM))
        answer_first()
        ready(description.fields())
        for endpoint in filter(None, (settings.listen, settings.event_listen)):
            _warn_of_loopback(endpoint)
        _log.info("ready: %s", json.dumps(description.fields()))
        if settings.caller:
            # By another caller, of whom a worker would have more (client/config/caller.py); held back until now.
            loop.add_signal_handler(signal.SIGUSR1, _make_way, daemon, signals)
        made_way = await _until_told(signals, engine, description, has_terminal=has_terminal)
        if made_way is not None:
            at = (daemon.endpoint, daemon.event_endpoint) if settings.listen else ("", "")
            passed_on = Resumed(lock.fileno(), files_limit, made_way, *at)
        return passed_on
    finally:
        if watch is not None:
            watch.close()
        needs_no_worker = daemon is None or daemon.desk.is_idle or (watch is not None and watch.loss)
        if engine is not None and passed_on is None and needs_no_worker:
            # Nobody needs the supervisor for now, or when its jobs have ended; it takes this back when the next worker says hello.
            engine.retire()
        # The engine first: facts that come now are told again to the next worker, none is heard by a desk that closes.
        if engine is not None:
            engine.close()
        if daemon is not None:
            daemon.close()
        if passed_on is None:
            lock.release()


def _look_around(settings: WorkerSettings) -> list[str]:
    """Find what cannot be changed of what this process was started with, and log it."""
    found = constraints.find() + ([settings.note] if settings.note else [])
    for sentence in found:
        _log.warning("this worker and its jobs keep from who started it: %s", sentence)
    return found


def _describe(lock: StateLock, description: _Description) -> None:
    """Let others find it, now that its store is open."""
    lock.note_store()
    try:
        lock.describe(description.fields())
    except OSError as error:
        raise Refused(
            Code.FAILED_PRECONDITION,
            f"the state folder {description.settings.state} cannot be used: {DESCRIPTION} cannot be written: {error.strerror}",
            "see that there is room, and nothing else of that name",
        ) from error


def _make_way(daemon: Daemon, signals: asyncio.Queue[signal.Signals]) -> None:
    if daemon.desk.is_idle:
        signals.put_nowait(signal.SIGTERM)


async def _until_told(
    signals: asyncio.Queue[signal.Signals], engine: LocalEngine, description: _Description, *, has_terminal: bool
) -> Reloads | None:
    """Wait until the worker is told to end (None), or to become another one: the supervisor has made way then."""
    reload.let_signals_in()
    while await signals.get() is signal.SIGHUP and reload.ends_with_terminal() == has_terminal:
        try:
            await reload.demand_successor(engine.handover)
        except Refused as refused:
            _log.error("not reloaded: %s", refused)
            description.reloads = Reloads(description.reloads.count + 1, problem=str(refused))
            description.write_anew()
            continue
        reload.hold_signals_back()
        # Whoever wanted it to end meanwhile is not overheard; another wish to reload is fulfilled by this one.
        if _told_to_end(signals):
            return None
        made_way = Reloads(description.reloads.count + 1, note=await engine.reload())
        return None if _told_to_end(signals) else made_way
    return None


def _told_to_end(signals: asyncio.Queue[signal.Signals]) -> bool:
    return any(signals.get_nowait() is not signal.SIGHUP for _ in range(signals.qsize()))


async def _open(settings: WorkerSettings, identity: Identity, engine: LocalEngine) -> Daemon:
    """Open the desk, at the ports of the last run if none were asked for: clients that wait find it again there."""
    last = last_description(settings.state) or {} if not settings.listen else {}
    listen, event_listen = str(last.get("endpoint", "")), str(last.get("event_endpoint", ""))
    try:
        if listen.startswith(f"{ANY_LOOPBACK}:"):
            return await _open_at(settings, identity, engine, listen, event_listen)
    except Refused as refused:
        if refused.code is not Code.UNAVAILABLE:
            raise
        _log.info("the ports of the last run are taken: %s", refused)
    return await _open_at(settings, identity, engine, settings.listen or f"{ANY_LOOPBACK}:*", settings.event_listen)


async def _open_at(settings: WorkerSettings, identity: Identity, engine: LocalEngine, listen: str, event_listen: str) -> Daemon:
    desk_settings = Settings(
        "worker",
        f"jobwire {__version__}",
        settings.state / layout.STORE,
        settings.roster,
        listen,
        event_listen,
        Keep(settings.keep_seconds, settings.keep_jobs, settings.keep_bytes),
        settings.keep_free_bytes,
    )
    daemon = Daemon(desk_settings, identity, engine)
    try:
        engine.open(daemon.desk.hear)
        await daemon.start()
    except BaseException:
        daemon.close()
        raise
    return daemon


def _check_root(settings: WorkerSettings) -> None:
    if os.geteuid() == 0 and not settings.jobs_as_root and settings.listen and not is_loopback(settings.listen):
        raise Refused(
            Code.FAILED_PRECONDITION,
            f"this worker would listen for others at {settings.listen} and run their jobs as root",
            "run it as another user, or say --jobs-as-root if that is what you want",
        )


def _warn_of_loopback(endpoint: str) -> None:
    host = endpoint.removeprefix("tcp://").rpartition(":")[0]
    # A name that is none is the name of an interface.
    with contextlib.suppress(OSError):
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        address = hidden_loopback(endpoint, [str(place[0]) for *_, place in found])
        if address:
            _log.warning(
                "%s is %s here, which only this machine can reach: see /etc/hosts; for others listen at tcp://0.0.0.0:PORT or an address",
                host,
                address,
            )


def _last_boot_id(state: Path) -> str:
    """Say during which boot the last worker ran; empty where nobody noted it. The supervisor did too, where that file was removed."""
    said = (last_description(state) or {}).get("boot_id")
    if said is None:
        with contextlib.suppress(OSError):
            said, _, place = (state / layout.BOOT).read_text(errors="replace").partition("\n")
            here = state.stat()
            if place not in {"", f"{here.st_dev} {here.st_ino}\n"}:
                # In a copy nothing is known of what runs, as after a restart.
                return ""
    return str(said or "")


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def raise_descriptor_limit(resumed: Resumed | None) -> int:
    """Take as many descriptors as the system gives: each connection and each followed log holds one. Say what the limit was at first.

    Raises Refused(FAILED_PRECONDITION) where that is next to none: ZeroMQ ends a process that has none left.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < _LEAST_DESCRIPTORS:
        raise Refused(
            Code.FAILED_PRECONDITION,
            f"only {hard} file descriptors are allowed here, and a worker needs {_LEAST_DESCRIPTORS}, and 7 more for each job",
            "raise the limit: ulimit -n, or LimitNOFILE= of the service",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resumed.files_limit if resumed else soft
