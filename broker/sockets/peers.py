"""The peers of a server socket, identified by the metadata of their frames, and how to disconnect one.

A peer can choose its routing id, and another can use it again. What identifies a connection is the TCP descriptor that libzmq
reports with each message (ZMQ_SRCFD) and, when it is gone, in the monitor (ZMQ_EVENT_DISCONNECTED), with the kernel's cookie
(tcp.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ...schemas.refusal import Refused
from .inflow import Connection
from .tcp import shut_down
from .unread import Account, Meter


class Ending(Protocol):
    """Something that must be closed when its peer is gone."""

    def close(self) -> None:
        """Release everything."""
        ...


@dataclass(slots=True, eq=False)
class Peer:
    """One connection: its routing id, its meter, and the account of the identity behind it."""

    routing_id: bytes
    meter: Meter
    account: Account
    # Counts the bytes that arrive over it.
    connection: Connection | None = None
    # By request id.
    streams: dict[int, Ending] = field(default_factory=dict)
    gone: bool = False
    # When to ask the kernel next whether the connection still exists.
    look_at: float = 0.0
    # The refusal for all its requests, if there is one.
    unwelcome: Refused | None = None

    @property
    def descriptor(self) -> int:
        """The descriptor that libzmq has for it."""
        return self.meter.descriptor

    @property
    def public(self) -> bytes:
        """The public key of its identity."""
        return self.account.public

    def end(self) -> None:
        """Close all streams; nothing is sent to this connection any more."""
        self.gone = True
        for stream in list(self.streams.values()):
            stream.close()
        self.streams.clear()

    def cut_off(self) -> None:
        """Shut the connection down, if the descriptor still belongs to it."""
        self.end()
        shut_down(self.meter.descriptor, self.meter.cookie)
