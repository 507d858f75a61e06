"""The line to the supervisor: one SEQPACKET socket, JSON arrays both ways, nothing waits. Knows no job.

What is sent together in one turn of the loop travels in as few datagrams as possible. If the line breaks, the supervisor was killed:
the keeper starts the next one, and the line is taken up again; `lost` tells the engine, which asks anew what is known.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)

LARGEST_DATAGRAM = 60_000
_RECEIVE_BYTES = 65_536
_DATAGRAMS_A_TURN = 32

_to_json = json.JSONEncoder(separators=(",", ":")).encode

# What JSON gives: the fields of a fact are read where it is understood.
Message = dict[str, Any]


def connect(state: Path, name: str) -> socket.socket:
    """Connect to a socket in the state folder, however long its path is (AF_UNIX names end at 107 bytes).

    Raises OSError.
    """
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(f"/proc/self/fd/{folder}/{name}")
        except BaseException:
            connection.close()
            raise
    finally:
        os.close(folder)
    connection.settimeout(0)
    return connection


class Link:
    """One connection on the loop. `take(messages)` gets what came, `lost()` is called once when the other side is gone."""

    def __init__(
        self,
        connection: socket.socket,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[list[Message]], None],
        lost: Callable[[], None],
    ) -> None:
        self._socket = connection
        self._loop = loop
        self._take = take
        self._lost = lost
        self._pending: list[str] = []
        self._datagrams: deque[bytes] = deque()
        self._writing = False
        loop.add_reader(connection.fileno(), self._read)

    def send(self, messages: Iterable[Message]) -> None:
        """Send messages in this turn of the loop, in order."""
        if not self._pending and not self._writing:
            self._loop.call_soon(self._flush)
        self._pending.extend(map(_to_json, messages))

    def close(self) -> None:
        """Send what is pending as far as the socket takes it, then let go."""
        if self._socket.fileno() >= 0:
            self._flush()
        # The line may have broken while that was sent.
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()

    def _flush(self) -> None:
        if self._socket.fileno() < 0:
            return
        self._pack()
        try:
            while self._datagrams:
                self._socket.send(self._datagrams[0])
                self._datagrams.popleft()
        except BlockingIOError:
            if not self._writing:
                self._writing = True
                self._loop.add_writer(self._socket.fileno(), self._flush)
            return
        except OSError as error:
            self._break(error)
            return
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._socket.fileno())

    def _pack(self) -> None:
        part: list[str] = []
        size = 2
        for text in self._pending:
            if part and size + len(text) + 1 > LARGEST_DATAGRAM:
                self._datagrams.append(f"[{','.join(part)}]".encode())
                part, size = [], 2
            part.append(text)
            size += len(text) + 1
        if part:
            self._datagrams.append(f"[{','.join(part)}]".encode())
        self._pending.clear()

    def _read(self) -> None:
        messages: list[Message] = []
        broken: OSError | None = None
        for _ in range(_DATAGRAMS_A_TURN):
            try:
                datagram = self._socket.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                broken = error
                break
            if not datagram:
                broken = ConnectionResetError("the supervisor closed the line")
                break
            messages.extend(json.loads(datagram))
        if messages:
            self._take(messages)
        if broken is not None:
            self._break(broken)

    def _break(self, error: OSError) -> None:
        if self._socket.fileno() >= 0:
            _log.warning("the line to the supervisor broke: %s", error)
            self._datagrams.clear()
            self._pending.clear()
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()
            self._lost()
