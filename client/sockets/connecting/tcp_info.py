"""The kernel's information about a connection: whether bytes move on it, although no message is complete yet. See TCP_INFO in tcp(7)."""

from __future__ import annotations

import os
import socket
import struct
from typing import NamedTuple

# From struct tcp_info of linux/tcp.h: tcpi_unacked; tcpi_last_data_recv and tcpi_last_ack_recv, in milliseconds.
_FORM = struct.Struct("=24xI24xII")
_MS = 1000


class TcpInfo(NamedTuple):
    """`unacked`: packets that were sent and not acknowledged yet. The others: seconds since the last data and the last acknowledgement."""

    unacked: int
    data_ago: float
    ack_ago: float

    def is_moving(self, within: float) -> bool:
        """Return whether data or an acknowledgement arrived within this many seconds: then the line is slow, but not silent."""
        return self.data_ago < within or (self.unacked > 0 and self.ack_ago < within)


def tcp_info(fd: int) -> TcpInfo | None:
    """Return the kernel's information about a connection by its descriptor; None if it is not one (any more)."""
    try:
        duplicate = os.dup(fd)
    except OSError:
        return None
    try:
        connection = socket.socket(fileno=duplicate)
    except OSError:
        os.close(duplicate)
        return None
    try:
        with connection:
            told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _FORM.size)
    except OSError:
        return None
    if len(told) < _FORM.size:
        return None
    unacked, data_ms, ack_ms = _FORM.unpack(told)
    return TcpInfo(unacked, data_ms / _MS, ack_ms / _MS)
