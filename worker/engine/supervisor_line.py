"""The line to the supervisor: one SEQPACKET socket, JSON arrays in both directions, never blocks. Knows no job.

Messages of one turn of the loop are sent in as few datagrams as possible. If the line breaks, the supervisor was killed: the keeper starts
the next one, and the engine, which is told through `lost`, reconnects and asks for all facts again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from ...keys.c_socket import socket
from ..wire import datagrams

_log = logging.getLogger(__name__)

_DATAGRAMS_A_TURN = 32
# A job's end takes some 40 us: it is read and its output hashed, decided and recorded.
_MESSAGES_A_TURN = 50

# The key of the descriptor that came with a message.
DESCRIPTOR = "descriptor"
# A JSON object; its fields are read by the code that understands it.
Message = dict[str, Any]
# There are two messages for each job: the module json would take ten times as long.
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Link:
    """One connection on the loop. `take(messages)` is called with what arrives, `lost(why)` once when the other side is gone."""

    def __init__(
        self,
        connection: socket.socket,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[list[Message]], None],
        lost: Callable[[str], None],
    ) -> None:
        self._socket = connection
        self._loop = loop
        self._take = take
        self._lost = lost
        self._pending: list[str] = []
        self._datagrams: deque[datagrams.Parcel] = deque()
        self._writing = False
        # What has arrived, and was not taken yet.
        self._arrived: deque[Message] = deque()
        loop.add_reader(connection.fileno(), self._read)

    def send(self, messages: Iterable[Message]) -> None:
        """Send messages in this turn of the loop, in order."""
        if not self._pending and not self._writing:
            self._loop.call_soon(self._flush)
        self._pending.extend(map(_text, messages))

    def close(self) -> None:
        """Send pending messages as far as the socket accepts them, then close it; nothing is taken any more."""
        self._drop_arrived()
        if self._socket.fileno() >= 0:
            self._flush()
        # The line may have broken during that.
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()

    def _flush(self) -> None:
        if self._socket.fileno() < 0:
            return
        if self._pending:
            for datagram in datagrams.arrays(self._pending):
                self._datagrams.append((datagram, ()))
            self._pending.clear()
        try:
            writing = not datagrams.send_waiting(self._socket, self._datagrams)
        except OSError as error:
            self._break(str(error))
            return
        if writing != self._writing:
            self._writing = writing
            if writing:
                self._loop.add_writer(self._socket.fileno(), self._flush)
            else:
                self._loop.remove_writer(self._socket.fileno())

    def _read(self) -> None:
        if self._arrived:
            # First what was there before.
            return
        datagram: bytes | None = None
        for _ in range(_DATAGRAMS_A_TURN):
            received = datagrams.receive_with(self._socket, datagrams.RECEIVE_BYTES)
            datagram = received[0] if received is not None else None
            if received is None or not datagram:
                break
            self._arrived.extend(_understood(*received))
            if len(self._arrived) >= _MESSAGES_A_TURN:
                break
        self._take_some()
        if datagram == b"":
            while self._arrived:
                self._take_some()
            self._break("the supervisor closed it")

    def _take_some(self) -> None:
        """Pass on what has arrived; of very much, the rest follows in later turns."""
        if messages := [self._arrived.popleft() for _ in range(min(_MESSAGES_A_TURN, len(self._arrived)))]:
            if self._arrived:
                self._loop.call_soon(self._take_some)
            self._take(messages)

    def _drop_arrived(self) -> None:
        """Drop unprocessed messages, with their descriptors, which nothing else would close."""
        for message in self._arrived:
            if DESCRIPTOR in message:
                os.close(message[DESCRIPTOR])
        self._arrived.clear()

    def _break(self, why: str) -> None:
        if self._socket.fileno() >= 0:
            self._datagrams.clear()
            self._pending.clear()
            self._drop_arrived()
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()
            self._lost(why)


def _text(message: Message) -> str:
    # Handles, numbers, and names of folders: all of it is ASCII.
    return _encode(message).decode()


def _understood(datagram: bytes, descriptors: tuple[int, ...]) -> list[Message]:
    """Return the messages in a datagram, the last one with its descriptor; one that cannot be parsed is only logged."""
    try:
        messages = _decode(datagram)
    except (msgspec.DecodeError, RecursionError):
        messages = _with_halves(datagram)
    if not isinstance(messages, list) or {*map(type, messages)} - {dict}:
        _log.error("the supervisor sent a message that is not understood: %r", datagram[:100])
        messages = []
    if messages and len(descriptors) == 1:
        messages[-1][DESCRIPTOR] = descriptors[0]
    else:
        for descriptor in descriptors:
            os.close(descriptor)
    return messages


def _with_halves(datagram: bytes) -> Any:
    """Return a JSON value in which a byte that is not text is half of a surrogate pair, which is refused above; None if there is none."""
    try:
        # Also with a number that is too large: it must not cost the rest.
        return json.loads(datagram)
    except (ValueError, RecursionError):
        return None
