"""Assembles a desk: sockets, roster, store, news, handlers. Common to all daemons, whatever their engine.

The order of the start is: the handshake handler runs before a server socket binds (without it, libzmq admits every key); jobs are
recovered before anybody can ask for them; and only then the endpoints are bound.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import zmq

from ..keys.handshake import Handshake
from ..keys.identity import Identity
from ..keys.limits import EVERYBODYS, Limits
from ..keys.rights import Member
from ..keys.roster import Roster, RosterFile
from ..keys.sockets import new_context
from ..schemas.clock import Clock
from ..schemas.frames import NONCE_BYTES
from ..schemas.refusal import Code, Refused
from .desk.desk import Desk
from .desk.queue import Queue
from .desk.state import State
from .engine import Engine
from .fairness.turns import Turns
from .requests.dispatch import Reception
from .requests.hello import Introduction
from .requests.table import handlers
from .retention.ages import Ages
from .retention.forget import Forgetting
from .retention.limits import Keep, Retention
from .sockets.connections import most_of_descriptors
from .sockets.publisher import Publisher
from .sockets.router import Endpoint
from .sockets.zmq_reader import EdgeReader
from .store import kept
from .store.free_space import Room
from .store.queries import Lookup
from .store.store import Store
from .streams.news import News
from .streams.watchers import Watchers

_log = logging.getLogger(__name__)

_HEARTBEAT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a daemon: kind ("worker" or "broker"), software, store, roster file, and endpoints with `*` for any port.

    If `event_listen` is empty, it is the port after that of `listen`, or any if that is any. `keep`: how much is kept of what has ended;
    `keep_free_bytes`: with less free space beside the store, new jobs are refused.
    """

    kind: str
    software: str
    store: Path
    roster: Path
    listen: str
    event_listen: str = ""
    keep: Keep = field(default_factory=Keep)
    keep_free_bytes: int = 0


class Daemon:
    """A desk with its sockets. Created and used on one running loop."""

    def __init__(self, settings: Settings, identity: Identity, engine: Engine) -> None:
        self._settings = settings
        self._identity = identity
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._nonce = secrets.token_bytes(NONCE_BYTES)
        self._heartbeat: asyncio.TimerHandle | None = None
        self._closing: list[Callable[[], None]] = []
        self.endpoint = ""
        self.event_endpoint = ""
        self._roster = RosterFile(settings.roster, self._roster_changed, lambda problem: _log.error("roster: %s", problem))
        self._members = self._roster.roster.members
        self._closing.append(self._roster.close)
        try:
            self._watchers = Watchers(self._check_retention, most_of_descriptors())
            self._store = Store(settings.store, self._loop, self._watchers.flush)
            self._closing.append(self._store.close)
            self._open_sockets()
        except BaseException:
            self.close()
            raise

    def _open_sockets(self) -> None:
        context = new_context()
        self._closing.append(context.term)
        self._handshake = Handshake(context, self._admit)
        self._closing.append(self._handshake.close)
        self._handshake_reader = EdgeReader(self._loop, self._handshake.socket, self._answer_handshakes)
        self._closing.append(self._handshake_reader.close)
        self.news = News(self._store.id, self._nonce, self._publish, time.monotonic)
        self.news.head = self._store.head
        self._publisher = Publisher(
            context,
            self._identity,
            self._loop,
            wanted=self._wanted,
            arrived=self._subscriber_arrived,
            left=self.news.left,
            limits_of=self._limits_of,
        )
        self._closing.append(self._publisher.close)
        self._ages = Ages(self._settings.store.parent, fresh=kept.totals(self._store).jobs == 0)
        state = State(Queue(self._engine.slots, lambda owner: self._limits_of(owner).running_jobs))
        self._lookup = Lookup(self._store, state.live)
        self._forgetting = Forgetting(self._store, self._engine)
        self.desk = Desk(
            state,
            self._store,
            self._lookup,
            self._engine,
            self.news,
            self._watchers,
            Clock(),
            self._ages,
            limits_of=self._limits_of,
            shortage=Room(self._settings.store.parent, self._settings.keep_free_bytes).shortage,
            ended=self._check_retention,
        )
        self._retention = Retention(self._settings.keep, self._store, self._forgetting, self._watchers, self._loop, self._ages)
        self._closing.append(self._retention.close)
        self._router = Endpoint(context, self._identity, self._loop, self._limits_of)
        self._closing.append(self._router.close)

    async def start(self) -> None:
        """Recover jobs, then accept connections.

        Raises Refused(UNAVAILABLE) if an endpoint cannot be bound.
        """
        self._loop.add_reader(self._roster.fileno(), self._roster.drain)
        self._closing.append(self._stop_watching_roster)
        await self.desk.recover()
        self.event_endpoint = _bind_events(self._publisher.bind, self._settings)
        introduction = Introduction(
            self._settings.kind,
            self._settings.software,
            self._identity.public,
            self._store.id,
            self._nonce,
            _endpoint_for_clients(self.event_endpoint),
            self._engine.slots,
        )
        turns = Turns(self._loop)
        verbs = handlers(
            desk=self.desk,
            lookup=self._lookup,
            watchers=self._watchers,
            forgetting=self._forgetting,
            engine=self._engine,
            store=self._store,
            news=self.news,
            introduction=introduction,
            member_of=self.member_of,
            turns=turns,
            ages=self._ages,
        )
        reception = Reception(self._identity.public, self._nonce, self.member_of, verbs, self._router, turns, self._router.charge)
        self.endpoint = _bind(partial(self._router.bind, take=reception.take), self._settings.listen, "--listen")
        self._retention.open()

    def close(self) -> None:
        """Close everything in reverse order; jobs continue."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        while self._closing:
            try:
                self._closing.pop()()
            except Exception:  # noqa: BLE001 -- logged, and the others must be closed in any case
                # A failure must not keep the others open: a store that is not closed keeps its thread, and the process with it.
                _log.exception("a part of the worker could not be closed; the others are")

    def member_of(self, public: bytes) -> Member | None:
        """Return the member with a public key in the current roster; None if there is none."""
        return self._roster.roster.member(public)

    def _limits_of(self, public: bytes) -> Limits:
        member = self.member_of(public)
        return member.limits if member is not None else EVERYBODYS

    def _stop_watching_roster(self) -> None:
        self._loop.remove_reader(self._roster.fileno())

    def _admit(self, curve_public: bytes) -> Member | None:
        return self._roster.roster.by_curve(curve_public)

    def _answer_handshakes(self) -> None:
        self._handshake.drain()

    def _check_retention(self) -> None:
        self._retention.look_soon()

    def _publish(self, topic: bytes, news: bytes) -> None:
        self._publisher.publish(topic, news)

    def _wanted(self, topic: bytes, public: bytes) -> bool:
        return self.member_of(public) is not None and self.news.wanted(topic, public)

    def _subscriber_arrived(self, topic: bytes) -> None:
        self.news.arrived(topic)
        if self._heartbeat is None:
            self._heartbeat = self._loop.call_later(_HEARTBEAT_SECONDS, self._beat)

    def _beat(self) -> None:
        self._heartbeat = None
        if self.news.heard:
            self.news.beat()
            self._heartbeat = self._loop.call_later(_HEARTBEAT_SECONDS, self._beat)

    def _roster_changed(self, after: Roster) -> None:
        """Disconnect members whose entry changed or is gone; they may connect again with their present rights."""
        before, self._members = self._members, after.members
        for member in before:
            if after.member(member.key) != member:
                _log.info("roster: %s is off, or has another name, role or limit", member.name)
                self.news.revoke_all(member.key)
                self._publisher.cut_off(member.key)
                self._router.cut_off(member.key)
        self.desk.reconsider()


# The host is wrong, not the port: its address is not one of this machine, or of an unknown kind.
_HOST_PROBLEMS = (errno.EADDRNOTAVAIL, errno.ENODEV, errno.EAFNOSUPPORT, errno.EINVAL, errno.EPROTONOSUPPORT)


def _bind_events(bind: Callable[[str], str], settings: Settings) -> str:
    """Bind the event socket and return its endpoint; errors name `--listen` if no event endpoint was given."""
    asked = settings.event_listen
    return _bind(bind, asked or _next_port(settings.listen), "--events", host_of=("" if asked else settings.listen))


def _bind(bind: Callable[[str], str], endpoint: str, option: str, host_of: str = "") -> str:
    try:
        return bind(endpoint)
    except zmq.ZMQError as error:
        why = zmq.strerror(error.errno or 0)
        step = f"use another with {option}, or end the program that uses it"
        if error.errno in _HOST_PROBLEMS:
            step = f"use an address of this machine with {'--listen' if host_of else option}: ip address shows them"
            if endpoint.startswith("tcp://["):
                why += " (this machine has no such IPv6 address, or no IPv6)"
            elif error.errno == errno.ENODEV:
                why = "its host is neither a name that can be resolved nor an interface of this machine"
            endpoint = host_of or endpoint
        elif error.errno == errno.EACCES:
            # The next port is as low as the one given.
            step = f"ports below 1024 are usually reserved for root; use a higher one with {'--listen' if host_of else option}"
            endpoint = host_of or endpoint
        raise Refused(Code.UNAVAILABLE, f"{endpoint} cannot be listened on: {why}", step) from error


def _next_port(endpoint: str) -> str:
    host, _, port = endpoint.rpartition(":")
    return f"{host}:{int(port) + 1}" if port.isdecimal() and int(port) else f"{host}:*"


def _endpoint_for_clients(endpoint: str) -> str:
    """Return the endpoint without its host: the client knows the name by which it reaches this machine."""
    return f"tcp://*:{endpoint.rpartition(':')[2]}"
