"""Who is connected to a server socket: from the monitor's events and the metadata of frames, and how to cut one off.

A routing id can be chosen by a peer and used again by another. What identifies a connection is the TCP descriptor that libzmq
reports with each message (ZMQ_SRCFD) and, when it is gone, in the monitor (ZMQ_EVENT_DISCONNECTED). Descriptors are reused too:
the kernel's socket cookie (SO_COOKIE, socket(7)) tells two connections apart.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import zmq
from zmq.utils.monitor import parse_monitor_message

from .edge import readable

_SO_COOKIE = 57  # asm-generic/socket.h; not in Python's socket module
_COOKIE_BYTES = 8


class Ending(Protocol):
    """What must be told that its peer is gone."""

    def close(self) -> None:
        """Let go of everything."""
        ...


@dataclass(slots=True, eq=False)
class Peer:
    """One connection: its routing id, its descriptor in libzmq with the kernel's cookie, and the identity behind it."""

    routing_id: bytes
    descriptor: int
    cookie: bytes
    public: bytes
    # By request id.
    streams: dict[int, Ending] = field(default_factory=dict)
    gone: bool = False

    def end(self) -> None:
        """Close all streams; nothing is sent to this connection any more."""
        self.gone = True
        for stream in list(self.streams.values()):
            stream.close()
        self.streams.clear()

    def cut_off(self) -> None:
        """Shut the connection down, if the descriptor is still this very one."""
        self.end()
        shut_down(self.descriptor, self.cookie)


def cookie_of(descriptor: int) -> bytes:
    """Ask the kernel for the cookie of a socket; empty if the descriptor is none (any more)."""
    try:
        duplicate = os.dup(descriptor)
    except OSError:
        return b""
    try:
        with socket.socket(fileno=duplicate) as connection:
            duplicate = -1
            return connection.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, _COOKIE_BYTES)
    except OSError:
        if duplicate >= 0:
            os.close(duplicate)
        return b""


def shut_down(descriptor: int, cookie: bytes) -> None:
    """Shut down the connection behind a descriptor of libzmq's, unless that number means another connection by now."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
        # The duplicate keeps the connection from being replaced between the comparison and the shutdown.
        if connection.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, _COOKIE_BYTES) == cookie:
            connection.shutdown(socket.SHUT_RDWR)


class Disconnections:
    """Reads the monitor of a server socket and tells which descriptors are gone."""

    def __init__(self, watched: zmq.Socket[bytes], gone: Callable[[int], None]) -> None:
        self._watched = watched
        self._gone = gone
        self.socket: zmq.Socket[bytes] = watched.get_monitor_socket(zmq.EVENT_DISCONNECTED)

    def drain(self) -> bool:
        """Handle everything that waits; cheap where there is nothing."""
        while readable(self.socket):
            event = parse_monitor_message(self.socket.recv_multipart(zmq.DONTWAIT))
            if event["event"] == zmq.EVENT_DISCONNECTED:
                self._gone(event["value"])
        return False

    def close(self) -> None:
        """Stop the monitor; its socket is closed here, or the context could not end."""
        self._watched.disable_monitor()
        self.socket.close(linger=0)
