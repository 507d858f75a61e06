"""The socket in the state folder at which a supervisor listens for its worker: create, remove, connect.

Imports almost nothing, because the keeper creates it.
"""

# ruff: noqa: PTH108, PTH116 -- pathlib is not light
from __future__ import annotations

import os
import stat

from ...keys.c_socket import socket
from ..state import layout

_BACKLOG = 16


def listen() -> int:
    """Create the socket and return its descriptor. The working folder must be the state folder. Raises OSError."""
    # By a relative path: that of the state folder may be longer than the 107 bytes of a socket's address.
    unlink_socket()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = os.umask(0o077)
    try:
        listener.bind(layout.SOCKET)
    finally:
        os.umask(before)
    listener.listen(_BACKLOG)
    listener.settimeout(0)
    return listener.detach()


def unlink_socket() -> None:
    """Remove the socket, if it exists."""
    try:
        os.unlink(layout.SOCKET)
    except FileNotFoundError:
        return


def socket_file() -> tuple[int, int] | None:
    """Return device and inode of the socket's file in the working folder; None if there is none, or it is not a socket."""
    try:
        there = os.stat(layout.SOCKET, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return (there.st_dev, there.st_ino) if stat.S_ISSOCK(there.st_mode) else None


def connect(state: str | os.PathLike[str]) -> socket.socket:
    """Return a connection to the socket of a state folder with a path of any length (AF_UNIX has 107 bytes); never waits.

    Raises OSError; BlockingIOError if a supervisor that is stopped has accepted none of many connections.
    """
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.settimeout(0)
        try:
            connection.connect(f"/proc/self/fd/{folder}/{layout.SOCKET}")
        except BaseException:
            connection.close()
            raise
    finally:
        os.close(folder)
    return connection
