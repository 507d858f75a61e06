"""The connection of a worker to its supervisor: made, with a supervisor started if there is none, restored when it breaks, and ended.

Knows no job: messages are passed on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ...broker.own_process.threads import on_thread
from ...keys.c_socket import socket
from ...schemas.jobs.spec import JobSpec
from ...schemas.refusal import Code, Refused
from ..keeper import process
from ..wire.supervisor_socket import connect
from ..wire.words import DO, VERSION, ToSupervisor
from .supervisor_line import Link, Message

_log = logging.getLogger(__name__)

_RECONNECT_SECONDS = 1.0
_RELOAD_SECONDS = 10
# A supervisor that has nothing to do exits within milliseconds.
_RETIRE_SECONDS = 2

_EARLIER = "the supervisor is of an earlier version"


class Hello(NamedTuple):
    """A supervisor's description of itself. An older version sends fewer fields.

    `keeper_pid` is 0 if the keeper is gone. `handover`: the version of the keeper's handover; 0: the two cannot reload.
    """

    pid: int = 0
    keeper_pid: int = 0
    cgroups: bool = False
    handover: int = 0
    answers_signals: bool = False
    feeds: bool = False
    has_terminals: bool = False
    joins_streams: bool = False
    has_limits: bool = False
    # Why the memory of jobs cannot be limited; empty: it can.
    memory_problem: str = _EARLIER
    sets_gpus: bool = False
    names_keys: bool = False
    # Whether each process of a job has its mark, see worker/supervisor/spawning/spawner.py.
    marks: bool = True

    def can_start(self, spec: JobSpec) -> bool:
        """Return whether it supports everything in the spec."""
        is_limited = bool(spec.rlimits) or any(one is not None for one in (spec.memory_bytes, spec.nice, spec.umask))
        lacks = (
            (spec.feed, self.feeds),
            (spec.terminal, self.has_terminals),
            (spec.stderr_to_stdout, self.joins_streams),
            (is_limited, self.has_limits),
            (spec.gpus, self.sets_gpus),
            (spec.may_submit, self.names_keys),
        )
        return all(can or not wanted for wanted, can in lacks)

    @property
    def can_start_all(self) -> bool:
        """Whether it supports everything that a spec can have."""
        return self.feeds and self.has_terminals and self.joins_streams and self.has_limits and self.sets_gpus and self.names_keys


class Supervisor:
    """One line at a time to the supervisor of a state folder.

    `files_limit`: soft RLIMIT_NOFILE of jobs; `feed_wait_ms`: how long a job waits for a client to feed it. `take` is called with messages,
    `lost` when the line breaks, and `back` once there is another line; `on_hello` when a supervisor has sent hello.
    """

    def __init__(
        self,
        state: Path,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[list[Message]], None],
        lost: Callable[[], None],
        back: Callable[[], Awaitable[None]],
        on_hello: Callable[[], object],
        *,
        files_limit: int,
        feed_wait_ms: int,
    ) -> None:
        self._state = state
        self._loop = loop
        self._take = take
        self._lost = lost
        self._back = back
        self._on_hello = on_hello
        self._files_limit = files_limit
        self._feed_wait_ms = feed_wait_ms
        self._link: Link | None = None
        self._reconnecting: asyncio.Task[None] | None = None
        # Set once the supervisor was told to exit: done when it has.
        self._exit: asyncio.Future[None] | None = None
        self.hello = Hello()
        self._is_met = False

    @property
    def is_answering(self) -> bool:
        """Whether there is a line, and a supervisor has sent hello on it: one that waits for its disk has not."""
        return self.is_connected and self._is_met

    @property
    def is_connected(self) -> bool:
        """Whether there is a line."""
        return self._link is not None

    def connect(self) -> None:
        """Connect to the supervisor, which is started if there is none. Raises OSError if that fails."""
        try:
            connection = connect(self._state)
        except OSError:
            process.start(self._state, self._files_limit)
            connection = connect(self._state)
        self._open_line(connection)

    def say(self, messages: Sequence[Message]) -> None:
        """Send messages in this turn of the loop, if there is a line."""
        if messages and self._link is not None:
            self._link.send(messages)

    def meet(self, message: Message) -> Refused | None:
        """Process its hello; return why it cannot be used, or an empty text."""
        self.hello = Hello(
            message["pid"],
            message["keeper_pid"],
            message["cgroups"],
            message.get("handover", 0),
            message.get("answers", False),
            message.get("feeds", False),
            message.get("terminals", False),
            message.get("joins_streams", False),
            message.get("limits", False),
            message.get("memory", _EARLIER),
            message.get("sets_gpus", False),
            message.get("names_keys", False),
            message.get("marks", True),
        )
        self._is_met = True
        self._on_hello()
        if message["version"] <= VERSION:
            return None
        return Refused(
            Code.FAILED_PRECONDITION,
            f"the supervisor of {self._state}, pid {self.hello.pid}, is of a newer jobwire and uses version {message['version']};"
            f" this one uses {VERSION}",
            "start the newer jobwire, or wait until no job is running",
        )

    def close(self) -> None:
        """Close the line; the supervisor and its jobs continue."""
        self._hang_up()
        self._stop_reconnecting()

    async def retire(self) -> None:
        """Tell it to exit once no job is running; reaches also one that is just replacing another."""
        self._stop_reconnecting()
        if self._link is not None and not await self._told_to_exit(ToSupervisor.RETIRE, _RETIRE_SECONDS):
            # It knows, and has something to do.
            return
        # Whoever exited may have become the keeper before it read that: the next one, which is starting, will read it.
        try:
            connection = connect(self._state)
        except OSError:
            return
        self._link = Link(connection, self._loop, self._take, lambda _: None)
        self.say([{DO: ToSupervisor.RETIRE}])

    async def reload(self) -> str:
        """Make supervisor and keeper execute the installed version, and close the line. Return why they cannot; empty if they do."""
        if self._link is None:
            return "supervisor and keeper were not replaced: the supervisor had just exited, and another one was starting; reload again"
        if not self.hello.handover:
            if self.hello.keeper_pid:
                return "supervisor and keeper cannot hand over; they are replaced only when the worker is stopped while no job runs"
            return "the keeper was killed, so the supervisor is not replaced until no job is running"
        if not await self._told_to_exit(ToSupervisor.RELOAD, _RELOAD_SECONDS):
            return f"supervisor and keeper were not replaced: the supervisor did not exit within {_RELOAD_SECONDS} s"
        # The next worker connects to the next supervisor.
        _log.info("the supervisor exited for a reload; its jobs continue")
        return ""

    async def _told_to_exit(self, word: str, seconds: float) -> bool:
        """Send this word; return whether the supervisor closed the line within that time."""
        self._exit = self._loop.create_future()
        self.say([{DO: word}])
        try:
            await asyncio.wait_for(self._exit, seconds)
        except TimeoutError:
            self._exit = None
            return False
        return True

    def _open_line(self, connection: socket.socket) -> None:
        # The supervisor serves one line: two would break each other for ever.
        self._hang_up()
        self._is_met = False
        link = self._link = Link(connection, self._loop, self._take, lambda why: self._line_lost(link, why))
        self.say([{DO: ToSupervisor.HELLO, "feed_wait_ms": self._feed_wait_ms}])

    def _hang_up(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _line_lost(self, link: Link, why: str) -> None:
        if link is not self._link:
            # It broke while it was being closed.
            return
        self._link = None
        self._lost()
        if self._exit is not None:
            # As requested.
            if not self._exit.done():
                self._exit.set_result(None)
            return
        _log.warning("lost the connection to the supervisor: %s", why)
        self._reconnecting = self._loop.create_task(self._reconnect())

    def _stop_reconnecting(self) -> None:
        if self._reconnecting is not None:
            self._reconnecting.cancel()

    async def _reconnect(self) -> None:
        while True:
            try:
                self._open_line(await self._reach())
            except (OSError, RuntimeError) as error:
                # RuntimeError: no thread can be made.
                _log.error("the supervisor cannot be reached; trying again: %s", error)
                # The keeper starts the next supervisor; nothing reports when the keeper itself can be started again.
                await asyncio.sleep(_RECONNECT_SECONDS)
            else:
                break
        await self._back()

    async def _reach(self) -> socket.socket:
        try:
            return connect(self._state)
        except OSError:
            # A thread waits until the pair that was there has exited, which may take seconds: this worker has other things to do.
            await on_thread(process.start, self._state, self._files_limit)
            return connect(self._state)
