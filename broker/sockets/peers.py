"""The peers of a server socket, identified by the metadata of their frames, and how to disconnect one.

A peer can choose its routing id, and another can use it again. What identifies a connection is the TCP descriptor that libzmq
reports with each message (ZMQ_SRCFD) and, when it is gone, in the monitor (ZMQ_EVENT_DISCONNECTED), with the kernel's cookie
(tcp.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ...schemas.frames import refusal_message
from ...schemas.generated import request_pb2
from ...schemas.refusal import Refused
from .inflow import Connection
from .tcp import Gone, shut_down
from .unread import Account, Meter

# How often to check whether a peer that sends many requests is still there.
_LOOK_SECONDS = 0.02


class Stream(Protocol):
    """The replies to one request over time, sent as the peer grants credit; closed when the peer is gone."""

    def grant(self, credit: request_pb2.Credit) -> None:
        """Add credit, in the unit of this kind of stream."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


class Outlet(Protocol):
    """The socket that sends replies to a peer: the part of router.py that other modules need."""

    def send(self, peer: Peer, reply: request_pb2.Reply, bulk: bytes | None = None) -> bool:
        """Send one reply. Return False if the peer is gone, or was disconnected because it does not read."""
        return self.pass_on(peer, (reply.SerializeToString(),) if bulk is None else (reply.SerializeToString(), bulk))

    def pass_on(self, peer: Peer, frames: Sequence[bytes | memoryview]) -> bool:
        """Send a message as it is to a worker that has joined. Returns False as `send` does."""
        ...

    def refuse(self, peer: Peer, request_id: int, refused: Refused) -> None:
        """Send a refusal, which ends the request."""
        self.send(peer, request_pb2.Reply(request_id=request_id, last=True, refusal=refusal_message(refused)))

    def expel(self, peer: Peer, request_id: int, refused: Refused, reason: str) -> None:
        """Refuse a request that is a flood, disconnect its sender, and ban it for a while."""
        ...

    def drop(self, peer: Peer, reason: str) -> None:
        """Disconnect the peer and log the reason."""
        ...


@dataclass(slots=True, eq=False)
class Peer:
    """One connection: its routing id, its meter, the account of the identity behind it, and the socket that sends its replies."""

    routing_id: bytes
    meter: Meter
    account: Account
    outlet: Outlet
    # Counts the bytes that arrive over it.
    connection: Connection | None = None
    # The public key that it came with; the account may be that of several. Empty: that of the account.
    own_key: bytes = b""
    # By request id.
    streams: dict[int, Stream] = field(default_factory=dict)
    gone: bool = False
    # It has closed the connection: nobody reads an answer, but what it said before counts.
    left: bool = False
    # When to ask the kernel next whether the connection still exists, in seconds of the monotonic clock.
    look_at: float = 0.0
    # The refusal for all its requests, if there is one.
    unwelcome: Refused | None = None
    # It has joined as a worker: what arrives are replies to the requests of this daemon, and goes there.
    turned: Callable[[bytes, memoryview | None], None] | None = None

    @property
    def descriptor(self) -> int:
        """Its descriptor in libzmq."""
        return self.meter.descriptor

    @property
    def public(self) -> bytes:
        """The key that it is counted for: the public key of its identity, or one for all jobs that act for a member."""
        return self.account.public

    @property
    def key(self) -> bytes:
        """The public key with which it connected."""
        return self.own_key or self.account.public

    def look(self, now: float) -> None:
        """Find out whether one that sends much is still there; libzmq says so only when it has read everything."""
        if now < self.look_at or self.left:
            return
        self.look_at = now + _LOOK_SECONDS
        try:
            self.meter.look()
        except Gone:
            self.left = True

    def end(self) -> None:
        """Close all streams; nothing more is sent to this connection."""
        self.gone = True
        for stream in list(self.streams.values()):
            stream.close()
        self.streams.clear()

    def cut_off(self) -> None:
        """Shut the connection down, if the descriptor still belongs to it; unhandled messages from it are dropped."""
        self.left = False
        self.end()
        shut_down(self.meter.descriptor, self.meter.cookie)
