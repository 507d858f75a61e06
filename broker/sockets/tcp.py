"""What the kernel knows of a connection that belongs to libzmq, asked by its descriptor.

Descriptors are reused: the kernel's socket cookie (SO_COOKIE, socket(7)) tells two connections apart. Nothing is asked through a
duplicate: where no descriptor is left there is none to be had, and a connection that cannot be looked at must not pass for one that is
gone.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_SO_COOKIE = 57  # asm-generic/socket.h; not in Python's socket module
_COOKIE_BYTES = 8
# Of struct tcp_info, linux/tcp.h: tcpi_state stands first; tcpi_bytes_acked and tcpi_bytes_received (from Linux 4.1 on) stand behind
# 8 bytes, 24 fields of 4 bytes and 2 of 8.
_BYTES = struct.Struct("=120xQQ")
_ESTABLISHED = 1  # net/tcp_states.h
# A connection whose other side has sent its last byte, which libzmq has not read yet.
_CLOSE_WAIT = 8
# The kernel makes the least of it that it can work with, socket(7).
_LEAST_BUFFER_BYTES = 1
_NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
# Before it is let in, nobody has a reason to send as much: greeting and first command of a handshake are 264 bytes (RFC 23, RFC 26).
HELD_BYTES = 32 * 1024
# Who has one address of IPv6 has, as a rule, all that begin with the same 64 bits (RFC 6177).
_NETWORK_BYTES = 8


class Gone(Exception):  # noqa: N818 -- a fact
    """Raised when there is no such connection any more."""


def cookie_of(descriptor: int) -> bytes:
    """Ask the kernel for the cookie of a socket; empty if the descriptor is none (any more)."""
    try:
        with _borrowed(descriptor) as connection:
            return connection.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, _COOKIE_BYTES)
    except OSError:
        return b""


def network_of(descriptor: int) -> bytes:
    """Say from where a connection comes: its IPv4 address, or the network of its IPv6 address. Empty if that is not known."""
    try:
        with _borrowed(descriptor) as connection:
            host = connection.getpeername()[0].partition("%")[0]
        if ":" not in host:
            return socket.inet_pton(socket.AF_INET, host)
        address = ipaddress.IPv6Address(host)
    except (OSError, ValueError, IndexError, AttributeError, TypeError):
        # It has ended, or is none of TCP.
        return b""
    return address.ipv4_mapped.packed if address.ipv4_mapped is not None else address.packed[:_NETWORK_BYTES]


def hold_newcomers(listener: int) -> None:
    """Let libzmq read nothing from connections that this listening socket accepts from now on, until `let_read`, or HELD_BYTES have come.

    They inherit SO_RCVLOWAT, socket(7): poll(2) tells of nothing to read below it, but of the end.
    """
    with suppress(OSError), _borrowed(listener) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, HELD_BYTES)


def let_read(descriptor: int, cookie: bytes) -> None:
    """End that for one connection; libzmq is woken for what has come meanwhile."""
    with suppress(OSError), _borrowed(descriptor) as connection:
        if connection.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, _COOKIE_BYTES) == cookie:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


def shut_down(descriptor: int, cookie: bytes) -> None:
    """Shut down the connection behind a descriptor of libzmq's, unless that number means another connection by now."""
    try:
        # A duplicate keeps the connection that is looked at from being replaced by another one before it is shut down.
        duplicate = os.dup(descriptor)
    except OSError as error:
        if error.errno not in _NO_DESCRIPTORS:
            return
        # Now of all times it has to be possible.
        with suppress(OSError), _borrowed(descriptor) as connection:
            _shut_down(connection, cookie)
        return
    with suppress(OSError), socket.socket(fileno=duplicate) as connection:
        _shut_down(connection, cookie)


def acknowledged_bytes(descriptor: int, cookie: bytes) -> int | None:
    """Say how many bytes the other side's kernel has taken over this connection so far; None where it is not TCP.

    Raises Gone, also where the other side has closed it: libzmq notices that only when it reads, which it does not while requests wait.
    """
    info = _info(descriptor, cookie)
    if info is None:
        return None
    if info[0] != _ESTABLISHED:
        raise Gone
    return int(_BYTES.unpack(info)[0]) if len(info) == _BYTES.size else None


def received_bytes(descriptor: int, cookie: bytes) -> int | None:
    """Say how many bytes have come in over this connection so far; None where it is not TCP, or the kernel does not say.

    Raises Gone.
    """
    info = _info(descriptor, cookie)
    if info is None or len(info) != _BYTES.size:
        return None
    if info[0] not in (_ESTABLISHED, _CLOSE_WAIT):
        raise Gone
    return int(_BYTES.unpack(info)[1])


def _info(descriptor: int, cookie: bytes) -> bytes | None:
    try:
        with _borrowed(descriptor) as connection:
            try:
                info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES.size)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.ENOPROTOOPT):
                    raise
                info = None
            # Asked afterwards: if it is the right one now, it was then. A cookie is never given twice.
            if connection.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, _COOKIE_BYTES) != cookie:
                raise Gone
    except OSError:
        raise Gone from None
    return info


def _shut_down(connection: socket.socket, cookie: bytes) -> None:
    if connection.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, _COOKIE_BYTES) == cookie:
        # Who sends without end would be read without end: what came before is read to its end in any case.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _LEAST_BUFFER_BYTES)
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def _borrowed(descriptor: int) -> Iterator[socket.socket]:
    # With all three given, Python asks the kernel nothing. Of the calls made here only `getpeername` depends on one of them: on room for
    # the longer addresses.
    connection = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, 0, fileno=descriptor)
    try:
        yield connection
    finally:
        connection.detach()
