"""What the kernel knows of a connection that belongs to libzmq, asked by its descriptor.

Descriptors are reused: the kernel's socket cookie (SO_COOKIE, socket(7)) tells two connections apart. A duplicate keeps the one that
is looked at from being replaced meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct

_SO_COOKIE = 57  # asm-generic/socket.h; not in Python's socket module
_COOKIE_BYTES = 8
# Of struct tcp_info, linux/tcp.h: tcpi_state stands first; tcpi_bytes_acked stands behind 8 bytes, 24 fields of 4 bytes and 2 of 8.
_BYTES_ACKED = struct.Struct("=120xQ")
_ESTABLISHED = 1  # net/tcp_states.h


class Gone(Exception):  # noqa: N818 -- a fact
    """Raised when there is no such connection any more."""


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
        if connection.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, _COOKIE_BYTES) == cookie:
            connection.shutdown(socket.SHUT_RDWR)


def acknowledged_bytes(descriptor: int, cookie: bytes) -> int | None:
    """Say how many bytes the other side's kernel has taken over this connection so far; None where it is not TCP.

    Raises Gone, also where the other side has closed it: libzmq notices that only when it reads, which it does not while requests wait.
    """
    try:
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            if connection.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, _COOKIE_BYTES) != cookie:
                raise Gone
            if connection.family not in (socket.AF_INET, socket.AF_INET6):
                return None
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size)
    except OSError:
        raise Gone from None
    if info[0] != _ESTABLISHED:
        raise Gone
    # A kernel before 4.1 tells less.
    return int(_BYTES_ACKED.unpack(info)[0]) if len(info) == _BYTES_ACKED.size else None
