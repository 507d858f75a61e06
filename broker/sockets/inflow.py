"""The bytes that arrived over one connection: how many were read from the socket as frames, and how many are still in libzmq.

libzmq reports neither; the kernel counts what arrived (tcpi_bytes_received of TCP_INFO, tcp(7)), and this module counts what was read.
"""

from __future__ import annotations

from dataclasses import dataclass

from .tcp import received_bytes

# A frame of a CURVE connection (RFC 26, RFC 37): a length of one byte or eight, a name, a nonce, the authenticator and the flags.
_SHORT_FRAME_BYTES = 35
_LONG_FRAME_BYTES = 42
_LONGEST_SHORT = 222
# libzmq answers heartbeats (ZMTP, PING) itself and never delivers them. One per second is not counted; a flood of them is.
_FORGIVEN_BYTES_A_SECOND = 256


@dataclass(slots=True, eq=False)
class Connection:
    """One connection: its age, its owner (empty: nothing was sent over it), and how much of what arrived was read.

    Also its network, and whether its handshake may start.
    """

    descriptor: int
    cookie: bytes
    since: float
    network: bytes = b""
    let_in: bool = False
    public: bytes = b""
    handed_over: int = 0
    under_way: int = 0
    looked_at: float = 0.0

    def look(self, now: float) -> None:
        """Ask the kernel how much has arrived.

        Raises Gone.
        """
        received = received_bytes(self.descriptor, self.cookie)
        if received is not None:
            forgiven = int((now - self.looked_at) * _FORGIVEN_BYTES_A_SECOND) if self.public else 0
            # Unused allowance is not carried over.
            self.handed_over = min(received, self.handed_over + forgiven)
            self.under_way = received - self.handed_over
        self.looked_at = now

    def hand_over(self, size: int) -> None:
        """Count a frame that was read."""
        self.handed_over += size + (_SHORT_FRAME_BYTES if size <= _LONGEST_SHORT else _LONG_FRAME_BYTES)
