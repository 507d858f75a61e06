"""A daemon: a desk with its server. Common to worker and broker. Opens the parts in order, and closes them.

The handshake handler runs before a server socket binds (without it, libzmq admits every key); jobs are recovered before any request is
answered; and only then the endpoints are bound. What is opened before: foundation.py; the parts of a daemon: parts.py; what answers
requests: server.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..keys.members.rights import Member
from ..schemas.generated import request_pb2
from .engine import Engine, LogHasher
from .fleet_interface import Fleet
from .foundation import Foundation
from .host import NO_HOST, Host
from .parts import Parts
from .requests.dispatch import Dispatch
from .server import Server


class Daemon:
    """A desk with its server. Created and used on one running loop."""

    def __init__(
        self,
        foundation: Foundation,
        engine: Engine,
        fleet: Fleet | None = None,
        hasher: LogHasher | None = None,
        host: Host = NO_HOST,
    ) -> None:
        """`fleet`: makes it a broker. `hasher`: hashes the output of jobs that have ended. `host`: the process around it.

        The foundation is closed with it, also if it cannot be created.
        """
        self._foundation = foundation
        self._has_fleet = fleet is not None
        try:
            self._parts = Parts(foundation, engine, fleet, host, lambda: self._server)
            self._server = Server(foundation, self._parts, engine, fleet, hasher, host)
        except BaseException:
            foundation.close()
            raise
        self.identity = foundation.identity
        self.store = foundation.store
        self.context = self._parts.context
        self.queue = self._parts.queue
        self.desk = self._parts.desk

    async def start(self, answering: Callable[[], None] = lambda: None) -> None:
        """Recover jobs, and accept connections. A broker, which can have very many jobs, does both at the same time.

        `answering` is called when clients can connect; requests that depend on all jobs wait until `serve_all`.

        Raises CannotListen if an endpoint cannot be bound.
        """
        self._parts.staging.open()
        if self._has_fleet:
            self._server.hold_back()
            self.desk.await_recovery()
            self._server.open()
            answering()
            await self._recover()
        else:
            # Jobs that act for their owners can come in when they are known again.
            await self._recover()
            self._server.open()
            answering()
        self._parts.retention.open()
        self._parts.timetable.open()
        self._parts.file_sweep.open()

    async def _recover(self) -> None:
        await self.desk.recover()
        await self._parts.staging.recover()

    def serve_all(self) -> None:
        """Handle the requests that were held until all jobs are known."""
        self._server.let_in()

    @property
    def endpoint(self) -> str:
        """Where requests are received; empty before it is bound."""
        return self._server.endpoint

    @property
    def event_endpoint(self) -> str:
        """Where events are published; empty before it is bound."""
        return self._server.event_endpoint

    @property
    def from_brokers(self) -> Dispatch:
        """The handler of requests that arrive over the link to a broker, for a worker that has joined one."""
        return self._server.dispatch_of_brokers()

    def accept_key(self, said: request_pb2.Delegation) -> None:
        """Accept the key of a job that runs on a worker of this broker, as reported by the worker."""
        self._parts.delegates.told(said)

    def member_of(self, public: bytes) -> Member | None:
        """Return the member with this public key in the roster in force."""
        return self._parts.roster.member(public)

    def tell_brokers_capacity(self) -> None:
        """Tell the brokers of this worker what it has for jobs now."""
        self._server.tell_brokers_capacity()

    def tell_brokers_of_stop(self) -> None:
        """Tell the brokers of this worker that it was stopped and will not restart by itself."""
        self._server.tell_brokers_of_stop()

    async def all_settled(self) -> None:
        """Return when the brokers of this worker have recorded how all jobs ended that they delivered."""
        settled = asyncio.Event()
        if self._server.relayed is not None:
            self._server.relayed.registry.when_empty(settled.set)
            await settled.wait()

    def close(self) -> None:
        """Close everything in reverse order; jobs continue."""
        self._foundation.close()
