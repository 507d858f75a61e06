"""What came in over one connection: how much of it was handed over to who reads the socket, and how much lies in libzmq.

libzmq tells neither; the kernel counts what came (tcpi_bytes_received of TCP_INFO, tcp(7)), and what was handed over is counted here.
"""

from __future__ import annotations

from dataclasses import dataclass

from .tcp import received_bytes

# A frame of a CURVE connection (RFC 26, RFC 37): its length in one byte or in eight, a name, a nonce, the authenticator and the flags.
_SHORT_FRAME_BYTES = 35
_LONG_FRAME_BYTES = 42
_LONGEST_SHORT = 222
# Heartbeats of libzmq (ZMTP, PING) are taken in and never handed over. One a second is forgiven; a flood of them is none.
_FORGIVEN_BYTES_A_SECOND = 256


@dataclass(slots=True, eq=False)
class Connection:
    """One connection: since when, whose (empty: nobody has said anything over it), and how much of what came was handed over.

    From where it comes, and whether its handshake may begin.
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
        """Ask the kernel what came in.

        Raises Gone.
        """
        received = received_bytes(self.descriptor, self.cookie)
        if received is not None:
            forgiven = int((now - self.looked_at) * _FORGIVEN_BYTES_A_SECOND) if self.public else 0
            # Nothing is saved up.
            self.handed_over = min(received, self.handed_over + forgiven)
            self.under_way = received - self.handed_over
        self.looked_at = now

    def hand_over(self, size: int) -> None:
        """Count a frame that was handed over."""
        self.handed_over += size + (_SHORT_FRAME_BYTES if size <= _LONGEST_SHORT else _LONG_FRAME_BYTES)
