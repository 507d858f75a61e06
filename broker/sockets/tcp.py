"""What the kernel knows about a connection of libzmq, looked up by its descriptor.

Descriptors are reused: the kernel's socket cookie (SO_COOKIE, socket(7)) distinguishes two connections. No duplicate of the descriptor
is used for queries: when no descriptor is left there would be none, and a connection that cannot be queried must not be mistaken for
one that is gone.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
from contextlib import suppress
from typing import Self

_SO_COOKIE = 57  # asm-generic/socket.h; not in Python's socket module
_COOKIE_BYTES = 8
# Of struct tcp_info, linux/tcp.h: tcpi_state is first; tcpi_bytes_acked and tcpi_bytes_received (since Linux 4.1) come after
# 8 bytes, 24 fields of 4 bytes and 2 of 8.
_BYTES = struct.Struct("=120xQQ")
_ESTABLISHED = 1  # net/tcp_states.h
# The other side has sent its last byte, which libzmq has not read yet.
_CLOSE_WAIT = 8
# The kernel raises it to its minimum, socket(7).
_LEAST_BUFFER_BYTES = 1
_SO_BUF_LOCK = 72  # asm-generic/socket.h, since Linux 5.14; not in Python's socket module
_SIZE_CHOSEN_BY_KERNEL = 0
# A newcomer fills its receive buffer, and libzmq empties it, until somebody looks; so it is given a small one. The kernel doubles these
# sizes, and counts what it needs itself: some hundred bytes for each segment. From 7/8 on, it reports any byte as readable. A waiting
# connection that sends its greeting and first command byte by byte must stay below that, or libzmq would read them before their turn.
WAITING_BUFFER_BYTES = 32 * 1024
# A handshake, whose sides take turns, and the first message leave most of it free.
HANDSHAKE_BUFFER_BYTES = 8 * 1024
# What the kernel begins with, tcp(7), before it adapts the size to the connection.
_BUFFER_BYTES = 64 * 1024
# The largest window there is (RFC 7323): the size of the buffer alone decides.
_NO_CLAMP_BYTES = 1 << 30
_NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
# No client has a reason to send this much before its handshake may begin: its greeting and first command take 264 bytes (RFC 23, RFC 26).
HELD_BYTES = 32 * 1024
# Whoever has one address of IPv6 usually has all that begin with the same 64 bits (RFC 6177).
_NETWORK_BYTES = 8


class Gone(Exception):  # noqa: N818 -- a fact
    """Raised for a connection that no longer exists."""


def cookie_of(descriptor: int) -> bytes:
    """Return the kernel's cookie of a socket; empty if the descriptor is not one (any more)."""
    try:
        with _Borrowed(descriptor) as connection:
            return connection.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, _COOKIE_BYTES)
    except OSError:
        return b""


def hold(descriptor: int) -> tuple[bytes, bytes]:
    """Let a new connection send little until `let_read`, and return its cookie and its address, both empty if unknown.

    The address is its IPv4 address, or the network of its IPv6 address.
    """
    cookie = network = b""
    try:
        with _Borrowed(descriptor) as connection:
            cookie = connection.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, _COOKIE_BYTES)
            network = _network_of(connection.getpeername()[0])
            _slow_down(connection, WAITING_BUFFER_BYTES)
    except (OSError, ValueError, IndexError, AttributeError, TypeError):
        # It has ended, or is not TCP.
        pass
    return cookie, network


def hold_newcomers(listener: int) -> None:
    """Keep libzmq from reading connections that this listening socket accepts from now on, until `let_read`, or HELD_BYTES have arrived.

    They inherit SO_RCVLOWAT, socket(7): below it, poll(2) reports nothing to read except the end.
    """
    with suppress(OSError), _Borrowed(listener) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, HELD_BYTES)


def let_read(descriptor: int, cookie: bytes) -> None:
    """Let libzmq read one connection, which may send little at a time until `speed_up`; it is woken for what has arrived meanwhile."""
    with suppress(OSError), _Borrowed(descriptor) as connection:
        if connection.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, _COOKIE_BYTES) == cookie:
            _slow_down(connection, HANDSHAKE_BUFFER_BYTES)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


def speed_up(descriptor: int, cookie: bytes) -> None:
    """Let a connection send at full speed."""
    with suppress(OSError), _Borrowed(descriptor) as connection:
        if connection.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, _COOKIE_BYTES) == cookie:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
            # Setting a size also fixes it: the kernel adapts it to the connection only after this.
            connection.setsockopt(socket.SOL_SOCKET, _SO_BUF_LOCK, _SIZE_CHOSEN_BY_KERNEL)
            # With the first segments of another shape, Linux (6.6 and later) limited the window to what fitted into the small buffer, and
            # would raise that only after more has arrived in a round trip than such a window lets through.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, _NO_CLAMP_BYTES)


def slow_down(descriptor: int, cookie: bytes) -> None:
    """Let a connection send little from now on: enough for small requests."""
    with suppress(OSError), _Borrowed(descriptor) as connection:
        if connection.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, _COOKIE_BYTES) == cookie:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HANDSHAKE_BUFFER_BYTES)


def shut_down(descriptor: int, cookie: bytes) -> None:
    """Shut down the connection behind a descriptor of libzmq, unless the number belongs to another connection by now."""
    try:
        # A duplicate keeps the connection from being replaced by another one between the check and the shutdown.
        duplicate = os.dup(descriptor)
    except OSError as error:
        if error.errno not in _NO_DESCRIPTORS:
            return
        # When descriptors run out, closing connections must still be possible.
        with suppress(OSError), _Borrowed(descriptor) as connection:
            _shut_down(connection, cookie)
        return
    with suppress(OSError), socket.socket(fileno=duplicate) as connection:
        _shut_down(connection, cookie)


def acknowledged_bytes(descriptor: int, cookie: bytes) -> int | None:
    """Return how many bytes the other side's kernel has acknowledged on this connection so far; None if it is not TCP.

    Raises Gone, also if the other side has closed it: libzmq notices that only when it reads, which it does not while requests wait.
    """
    info = _info(descriptor, cookie)
    if info is None:
        return None
    if info[0] != _ESTABLISHED:
        raise Gone
    return int(_BYTES.unpack(info)[0]) if len(info) == _BYTES.size else None


def received_bytes(descriptor: int, cookie: bytes) -> int | None:
    """Return how many bytes have arrived on this connection so far; None if it is not TCP, or the kernel does not report it.

    Raises Gone.
    """
    info = _info(descriptor, cookie)
    if info is None or len(info) != _BYTES.size:
        return None
    if info[0] not in (_ESTABLISHED, _CLOSE_WAIT):
        raise Gone
    return int(_BYTES.unpack(info)[1])


def _network_of(host: str) -> bytes:
    if ":" not in host:
        return socket.inet_pton(socket.AF_INET, host)
    address = ipaddress.IPv6Address(host.partition("%")[0])
    return address.ipv4_mapped.packed if address.ipv4_mapped is not None else address.packed[:_NETWORK_BYTES]


def _info(descriptor: int, cookie: bytes) -> bytes | None:
    try:
        with _Borrowed(descriptor) as connection:
            try:
                info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES.size)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.ENOPROTOOPT):
                    raise
                info = None
            # Checked afterwards: if it is the right connection now, it was then. A cookie is never reused.
            if connection.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, _COOKIE_BYTES) != cookie:
                raise Gone
    except OSError:
        raise Gone from None
    return info


def _shut_down(connection: socket.SocketType, cookie: bytes) -> None:
    if connection.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, _COOKIE_BYTES) == cookie:
        # Without this, a peer that sends without end would be read without end: libzmq reads everything that arrived before the shutdown.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _LEAST_BUFFER_BYTES)
        connection.shutdown(socket.SHUT_RDWR)


def _slow_down(connection: socket.SocketType, buffer_bytes: int) -> None:
    """Give a connection a small receive buffer. Does nothing if the kernel could not undo it."""
    with suppress(OSError):
        connection.getsockopt(socket.SOL_SOCKET, _SO_BUF_LOCK)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)


class _Borrowed(socket.SocketType):
    """A socket object for a descriptor of libzmq, which stays open. Made for each connection that is accepted, so it does little."""

    def __init__(self, descriptor: int) -> None:
        # Of the calls made here, only `getpeername` depends on one of these: the family must leave space for the longer addresses.
        super().__init__(socket.AF_INET6, socket.SOCK_STREAM, 0, descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.detach()
