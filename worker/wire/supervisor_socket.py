"""The socket in the state folder at which a supervisor listens for its worker: made, removed, and connected to.

Imports next to nothing, as the keeper makes it.
"""

# ruff: noqa: PTH108 -- pathlib is not light
from __future__ import annotations

import os

from ..state import layout
from .c_socket import socket

_BACKLOG = 16


def listen() -> int:
    """Make the socket; get its descriptor. The working folder is the state folder. Raises OSError."""
    # By a relative path: the state folder's may be longer than the 107 bytes that a socket's address can hold.
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
    """Remove the socket, where it is there."""
    try:
        os.unlink(layout.SOCKET)
    except FileNotFoundError:
        return


def connect(state: str | os.PathLike[str]) -> socket.socket:
    """Connect to the socket of a state folder, however long its path is (AF_UNIX names end at 107 bytes). Raises OSError."""
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(f"/proc/self/fd/{folder}/{layout.SOCKET}")
        except BaseException:
            connection.close()
            raise
    finally:
        os.close(folder)
    connection.settimeout(0)
    return connection
