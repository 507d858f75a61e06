"""The request socket, a DEALER: carries the frames of the conversation, and reports changes of the connection to it and to the user.

Decides nothing about requests: conversation.py does. backoff.py and monitored_socket.py decide when to reconnect.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import zmq

from ...keys.sockets import Context, readable
from ...schemas.refusal import Refused
from ..protocol.conversation import Conversation, Frames, Happened
from .backoff import Backoff
from .connecting import diagnosis
from .connecting.monitored_socket import Change, MonitoredSocket

_MESSAGES_A_TURN = 256
# `send_multipart` would combine the flags for each message, which takes as long as a send.
_MORE_FOLLOWS = zmq.SNDMORE | zmq.DONTWAIT


class Tidings(NamedTuple):
    """Messages for the user about the connection, and whether it was lost and may need a restart of the worker."""

    sentences: Sequence[str]
    lost: bool


_NO_TIDINGS = Tidings((), lost=False)


class RequestSocket:
    """The socket of one conversation. `monitored` is the socket, opened in `context`."""

    def __init__(self, conversation: Conversation, monitored: MonitoredSocket, context: Context, backoff: Backoff) -> None:
        self.monitored = monitored
        self.backoff = backoff
        # For what found no room on this connection.
        self._no_room = Backoff(backoff.share)
        self._conversation = conversation
        self._context = context
        self._unsent: deque[Frames] = deque()
        # Whether more than requests was sent over this connection: libzmq may still have some of it.
        self._pushed = False
        self._sentences: list[str] = []
        self._lost = False
        # The user was told that there is no connection.
        self._told_lost = False
        # What the user was told about the worker's roster.
        self._told_problem = ""
        # Messages that came.
        self.received = 0

    def open(self, endpoint: str, now: float) -> None:
        """Connect, unless there is a connection or it is too early to try again."""
        if not self.monitored.is_open and not self.backoff.lasts(now):
            self.monitored.open(self._context, endpoint, now)

    def receive(self) -> Iterator[Happened]:
        """Receive messages, at most as many as fit into one turn, and yield the result of each before the next is received."""
        socket = self.monitored.socket
        for _ in range(_MESSAGES_A_TURN):
            if socket is None or not readable(socket):
                break
            first = last = socket.recv(zmq.DONTWAIT, copy=False)
            self.received += 1
            while last.more:
                last = socket.recv(zmq.DONTWAIT, copy=False)
            yield from self._conversation.receive(first.bytes, b"" if last is first else last.buffer)

    def back_off(self, now: float) -> None:
        """Close the connection if the worker refused it as one too many: it refuses everything on it, also when there is room."""
        room = self._conversation.room
        refused = room.turned_away
        if refused is None and not room.is_shut_out:
            return
        is_first = self.backoff.begin(now)
        if refused is None:
            # Who asks again has been told, and waits no longer each time.
            self.backoff.end()
        elif is_first:
            self._sentences.append(f"{refused.message}; waiting until one is closed")
        self._unsent.clear()
        self.monitored.close()
        self._told_lost = self._told_lost or self._conversation.hello is not None
        self._conversation.lost()

    def seek_room(self, now: float) -> None:
        """Repeat requests that were refused for lack of room, if it is time."""
        postponed = self._conversation.room.postponed
        if postponed and self._no_room.until is None:
            if self._no_room.begin(now):
                self._sentences.append(f"{next(iter(postponed.values())).message}; waiting until one is closed")
        elif self._no_room.until is not None and not self._no_room.lasts(now):
            self._conversation.ask_again()

    def greeted(self) -> None:
        """Note that the worker answered `hello` without refusing one connection too many."""
        self.backoff.end()
        self._no_room.end()
        if self._told_lost:
            self._told_lost = False
            self._sentences.append(diagnosis.back(self.monitored.endpoint))
        # Told to admins only, once for each connection and each problem.
        problem = self._conversation.hello.roster_problem if self._conversation.hello is not None else ""
        if problem and problem != self._told_problem:
            self._sentences.append(f"WARNING: the roster of the worker is broken: {problem}")
        self._told_problem = problem

    def tell(self, sentence: str) -> None:
        """Add a message about the connection for the user."""
        self._sentences.append(sentence)

    def watch(self, now: float) -> Refused | None:
        """Tell the conversation what happened to the connection. Return why there is none, if that is final."""
        refusal = None
        changes = self.monitored.watch(now)
        if self._pushed and Change.DOWN in changes and Change.FAILED not in changes:
            # libzmq would send the rest on the next connection, before `hello`, where only so much is accepted from a stranger.
            self._pushed = False
            self.monitored.start_over(now)
            changes = [change for change in changes if change is not Change.UP]
        for change in changes:
            self._unsent.clear()
            if change is Change.UP:
                self._conversation.connected()
            else:
                self._conversation.lost()
                self._lost = True
            if change is Change.DOWN:
                self._sentences.append(diagnosis.lost(self.monitored.endpoint))
                self._told_lost = True
            if change is Change.FAILED:
                refusal = self.monitored.refusal
        return refusal

    def flush(self) -> None:
        """Send what the conversation has to send, as far as possible without waiting."""
        self._unsent.extend(self._conversation.outgoing())
        if not self._unsent:
            return
        socket = self.monitored.socket
        while self._unsent and socket is not None and self.monitored.up:
            is_push = len(self._unsent[0]) > 1
            if is_push and self.monitored.has_news:
                # This may be another connection by now.
                return
            self._pushed = self._pushed or is_push
            try:
                for frame in self._unsent[0][:-1]:
                    socket.send(frame, _MORE_FOLLOWS)
                socket.send(self._unsent[0][-1], zmq.DONTWAIT)
            except zmq.Again:
                # The pipe does not exist yet or any more: POLLOUT or the monitor will tell.
                return
            self._unsent.popleft()

    @property
    def is_calm(self) -> bool:
        """Whether there is a connection, and nothing waits to be sent."""
        return self.monitored.up and not self._unsent and not self._conversation.has_outgoing

    def take_tidings(self) -> Tidings:
        """Return the messages, once."""
        if not (self._sentences or self._lost):
            return _NO_TIDINGS
        tidings = Tidings(self._sentences, self._lost)
        self._sentences, self._lost = [], False
        return tidings

    def repair(self) -> None:
        """Start over on a new connection, as after a loss: a call was interrupted halfway."""
        self.monitored.close()
        self._unsent.clear()
        self._conversation.repair()

    def due_at(self) -> float | None:
        """Return when `watch` or `open` has something to do even if nothing arrives."""
        return min(filter(None, (self.backoff.until, self._no_room.until, self.monitored.due_at())), default=None)

    def waited_on(self) -> list[tuple[zmq.Socket[bytes] | int, int]]:
        """Return what to poll."""
        return self.monitored.waited_on(writable=bool(self._unsent))
