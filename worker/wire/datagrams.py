"""Send and receive texts over a SEQPACKET socket, several per datagram, without blocking. Knows no words.

Imports almost nothing, because the keeper uses it.
"""

from __future__ import annotations

import os
import struct

from ...keys.c_socket import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque

    # A datagram with the descriptors that go with it.
    Parcel = tuple[bytes, tuple[int, ...]]

# The kernel refuses a message of more than about 200 kB.
LARGEST_DATAGRAM = 60_000
# A single text may be longer, because it is never split: earlier supervisors send all adopted jobs in one line.
_LARGEST_MESSAGE = 262_144
RECEIVE_BYTES = 65_536

_PAIR = struct.Struct("2i")
_PAIR_LENGTH = 2
_INT = struct.calcsize("i")


def arrays(texts: list[str]) -> list[bytes]:
    """Return datagrams for JSON texts, an array in each."""
    return _pack(texts, "[", ",", "]")


def lines(texts: list[str]) -> list[bytes]:
    """Return datagrams with several lines each."""
    return _pack(texts, "", "\n", "")


def _pack(texts: list[str], opening: str, between: str, closing: str) -> list[bytes]:
    if sum(map(len, texts)) + len(texts) < LARGEST_DATAGRAM:
        return [f"{opening}{between.join(texts)}{closing}".encode()]
    datagrams: list[bytes] = []
    part: list[str] = []
    # With brackets and separators.
    size = 1
    for text in texts:
        if part and size + len(text) + 1 > LARGEST_DATAGRAM:
            datagrams.append(f"{opening}{between.join(part)}{closing}".encode())
            part, size = [], 1
        part.append(text)
        size += len(text) + 1
    datagrams.append(f"{opening}{between.join(part)}{closing}".encode())
    return datagrams


def send_waiting(connection: socket.socket, waiting: deque[Parcel]) -> bool:
    """Send pending datagrams as far as the socket accepts them, and drop them; return whether all were sent. Raises OSError."""
    try:
        while waiting:
            send_with(connection, *waiting[0])
            drop(waiting.popleft())
    except BlockingIOError:
        return False
    return True


def drop(parcel: Parcel) -> None:
    """Close the descriptors of a datagram that was sent, or will not be."""
    for descriptor in parcel[1]:
        os.close(descriptor)


def receive(connection: socket.socket) -> bytes | None:
    """Return the next datagram; None if there is none yet, empty if the other side is gone."""
    try:
        return connection.recv(RECEIVE_BYTES)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def send_with(connection: socket.socket, datagram: bytes, descriptors: tuple[int, ...]) -> None:
    """Send a datagram with descriptors. Raises BlockingIOError if the socket is full, OSError if the other side is gone."""
    if not descriptors:
        connection.send(datagram)
        return
    # Two is the usual number, once for each start.
    packed = _PAIR.pack(*descriptors) if len(descriptors) == _PAIR_LENGTH else struct.pack(f"{len(descriptors)}i", *descriptors)
    connection.sendmsg([datagram], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, packed)])


def receive_with(connection: socket.socket, most_bytes: int = _LARGEST_MESSAGE) -> tuple[bytes, tuple[int, ...]] | None:
    """Return the next datagram, as `receive` does, and its descriptors, at most two."""
    try:
        datagram, rights, _, _ = connection.recvmsg(most_bytes, socket.CMSG_SPACE(_PAIR.size), socket.MSG_CMSG_CLOEXEC)
    except BlockingIOError:
        return None
    except OSError:
        return b"", ()
    return datagram, struct.unpack(f"{len(rights[0][2]) // _INT}i", rights[0][2]) if rights else ()
