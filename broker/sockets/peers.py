"""Who has said something over a server socket: from the metadata of frames, and how to cut one off.

A routing id can be chosen by a peer and used again by another. What identifies a connection is the TCP descriptor that libzmq
reports with each message (ZMQ_SRCFD) and, when it is gone, in the monitor (ZMQ_EVENT_DISCONNECTED), with the kernel's cookie
(connection.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ...schemas.refusal import Refused
from .inflow import Connection
from .tcp import shut_down
from .unread import Account, Meter


class Ending(Protocol):
    """What must be told that its peer is gone."""

    def close(self) -> None:
        """Let go of everything."""
        ...


@dataclass(slots=True, eq=False)
class Peer:
    """One connection: its routing id, what is known of it as one of libzmq's, and the identity behind it with all its connections."""

    routing_id: bytes
    meter: Meter
    account: Account
    # Where what comes in over it is counted.
    connection: Connection | None = None
    # By request id.
    streams: dict[int, Ending] = field(default_factory=dict)
    gone: bool = False
    # When to ask the kernel next whether it is there still.
    look_at: float = 0.0
    # Why all its requests are refused, where they are.
    unwelcome: Refused | None = None

    @property
    def descriptor(self) -> int:
        """Say which descriptor of libzmq's it is."""
        return self.meter.descriptor

    @property
    def public(self) -> bytes:
        """Say whose it is."""
        return self.account.public

    def end(self) -> None:
        """Close all streams; nothing is sent to this connection any more."""
        self.gone = True
        for stream in list(self.streams.values()):
            stream.close()
        self.streams.clear()

    def cut_off(self) -> None:
        """Shut the connection down, if the descriptor is still this very one."""
        self.end()
        shut_down(self.meter.descriptor, self.meter.cookie)
