"""Tell libzmq whether a key is accepted: a ZAP 1.0 handler (ZeroMQ RFC 27).

Knows no roster: `admit` says who is a member. It admits only the mechanism CURVE with the key of a member, or of a job that acts for one.
The `User-Id` is the Ed25519 public key in hex, never a name: a name can be given to another key.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import zmq

from .identity import KEY_BYTES
from .members.rights import Member
from .sockets import Context, Socket, readable

ENDPOINT = "inproc://zeromq.zap.01"
_VERSION = b"1.0"
# After the routing id and the empty frame: version, request id, domain, address, routing id of the peer, mechanism, credentials.
_CREDENTIALS = 6
_UNKNOWN_KEY = (b"400", b"unknown key", b"")
_MALFORMED = (b"400", b"malformed or not CURVE", b"")
# 300 is a temporary error, after which a client tries again by itself.
_BANNED = (b"300", b"banned for a moment", b"")
_BROKEN = (b"500", b"internal error", b"")

log = logging.getLogger(__name__)


class Handshake:
    """The handler of one context; make it before any server socket binds.

    `admit` is called with the 32-byte CURVE public key of the peer. `banned` is called with the Ed25519 public key of a member, and returns
    whether it has to wait. The loop watches the ZMQ_FD of `socket` and calls `drain`.
    """

    def __init__(
        self, context: Context, admit: Callable[[bytes], Member | None], banned: Callable[[bytes], bool] = lambda _: False
    ) -> None:
        self._admit = admit
        self._banned = banned
        self.refused = 0
        self.socket: Socket = context.socket(zmq.ROUTER)
        self.socket.set(zmq.LINGER, 0)
        self.socket.bind(ENDPOINT)

    def drain(self) -> None:
        """Answer all pending requests; afterwards the edge-triggered ZMQ_FD signals the next one."""
        while readable(self.socket):
            self._answer(self.socket.recv_multipart(zmq.DONTWAIT))

    def close(self) -> None:
        """Close the handler; server sockets of the context refuse everybody from now on."""
        self.socket.close()

    def _answer(self, frames: list[bytes]) -> None:
        asker, empty, *request = frames
        if empty or len(request) < 2 or request[0] != _VERSION:  # noqa: PLR2004 -- a version and an id to answer to
            # Without an id there is nobody to answer: libzmq's own requests have one.
            self.refused += 1
            return
        status, reason, user = self._judge(request)
        if not user:
            self.refused += 1
        self.socket.send_multipart([asker, b"", _VERSION, request[1], status, reason, user, b""], zmq.DONTWAIT)

    def _judge(self, request: list[bytes]) -> tuple[bytes, bytes, bytes]:
        if len(request) != _CREDENTIALS + 1 or request[_CREDENTIALS - 1] != b"CURVE" or len(request[_CREDENTIALS]) != KEY_BYTES:
            return _MALFORMED
        try:
            member = self._admit(request[_CREDENTIALS])
        except Exception:
            # A bug must neither end the handler, which would lock everybody out, nor let anybody in.
            log.exception("the lookup of a key in the roster failed")
            return _BROKEN
        if member is None:
            return _UNKNOWN_KEY
        return _BANNED if self._banned(member.account) else (b"200", b"OK", member.public.hex().encode())
