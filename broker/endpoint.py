"""The ROUTER: bytes in, bounded; replies out, never waiting. Knows no job.

What is read is handed to `take` with the peer it came from. Sends never block (DONTWAIT, ROUTER_MANDATORY): a peer whose pipe is
full is cut off, reconnects, and asks again for what it misses. Rules that keep one peer from another's replies:

- A routing id that the peer chose itself (metadata `Identity` not empty) is refused.
- Before each send the monitor is drained, and the streams of connections that are gone are ended. A mute peer that took the
  routing id of one that left would otherwise receive its late replies.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

import zmq

from ..keys.identity import Identity
from ..keys.sockets import server_socket
from ..schemas.frames import LARGEST_MESSAGE, MOST_FRAMES, refusal_message
from ..schemas.generated import request_pb2
from ..schemas.refusal import Code, Refused
from .edge import EdgeReader
from .peers import Disconnections, Peer, cookie_of

_log = logging.getLogger(__name__)

# An envelope around the largest request: proof and protobuf framing.
_ENVELOPE_BYTES = 1024
# Messages that wait for one peer: chunks of 256 KiB make this 64 MiB at the very most, for a peer that grants and does not read.
_PEER_MESSAGES = 256
_MESSAGES_A_TURN = 64


class Endpoint:
    """One ROUTER socket with its peers. `take(peer, frame)` is called for every message."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        identity: Identity,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[Peer, bytes], None],
    ) -> None:
        self._loop = loop
        self._take = take
        self._by_id: dict[bytes, Peer] = {}
        self._by_descriptor: dict[int, Peer] = {}
        self.malformed = 0
        self._socket = server_socket(context, zmq.ROUTER, identity)
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE + _ENVELOPE_BYTES)
        self._socket.setsockopt(zmq.SNDHWM, _PEER_MESSAGES)
        self._socket.setsockopt(zmq.RCVHWM, _PEER_MESSAGES)
        self._disconnections = Disconnections(self._socket, self._forget_descriptor)
        self._readers: list[EdgeReader] = []

    def bind(self, endpoint: str) -> str:
        """Bind and begin to read; say the endpoint with its real port. Raises zmq.ZMQError if that is not to be had."""
        self._socket.bind(endpoint)
        self._readers = [
            EdgeReader(self._loop, self._socket, self._drain),
            EdgeReader(self._loop, self._disconnections.socket, self._disconnections.drain),
        ]
        return self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def close(self) -> None:
        """End all streams and close the socket."""
        for peer in list(self._by_id.values()):
            peer.end()
        for reader in self._readers:
            reader.close()
        self._disconnections.close()
        self._socket.close(linger=0)

    def peers(self) -> list[Peer]:
        """List the connections that have said something."""
        return list(self._by_id.values())

    def cut_off(self, public: bytes) -> None:
        """Shut down all connections of one identity."""
        for peer in self.peers():
            if peer.public == public:
                self._forget(peer)
                peer.cut_off()

    def send(self, peer: Peer, reply: request_pb2.Reply, bulk: bytes | None = None) -> bool:
        """Send one reply; False if the peer is gone or was cut off because it does not read."""
        self._disconnections.drain()
        if peer.gone:
            return False
        frames = [peer.routing_id, reply.SerializeToString()]
        if bulk is not None:
            frames.append(bulk)
        try:
            self._socket.send_multipart(frames, zmq.DONTWAIT)
        except zmq.Again:
            _log.warning("peer %s does not read its replies and was cut off", peer.public.hex()[:8])
            self._forget(peer)
            peer.cut_off()
            return False
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self._forget(peer)
            peer.end()
            return False
        finally:
            self._readers[0].touch()
        return True

    def refuse(self, peer: Peer, request_id: int, refused: Refused) -> None:
        """Send a refusal, which ends the request."""
        self.send(peer, request_pb2.Reply(request_id=request_id, last=True, refusal=refusal_message(refused)))

    def _drain(self) -> bool:
        for _ in range(_MESSAGES_A_TURN):
            try:
                routing_id = self._socket.recv(zmq.DONTWAIT)
            except zmq.Again:
                return False
            frame = self._socket.recv(zmq.DONTWAIT, copy=False)
            more = 0
            # A message is whole when its first frame arrives; what follows the one frame of a request is dropped, frame by frame.
            while self._socket.getsockopt(zmq.RCVMORE):
                self._socket.recv(zmq.DONTWAIT, copy=False)
                more += 1
            self._receive(routing_id, frame, more)
        return True

    def _receive(self, routing_id: bytes, frame: zmq.Frame, more: int) -> None:
        peer = self._peer(routing_id, frame)
        if peer is None:
            return
        if more:
            self.malformed += 1
            self.refuse(peer, 0, Refused(Code.INVALID_ARGUMENT, f"a request is one frame, not {1 + more}"))
            if more >= MOST_FRAMES:
                _log.warning("peer %s sent %d frames in one message and was cut off", peer.public.hex()[:8], 1 + more)
                self._forget(peer)
                peer.cut_off()
            return
        self._take(peer, frame.bytes)

    def _peer(self, routing_id: bytes, frame: zmq.Frame) -> Peer | None:
        descriptor = int(frame.get(zmq.SRCFD))
        peer = self._by_id.get(routing_id)
        if peer is not None and peer.descriptor == descriptor:
            return peer
        public = bytes.fromhex(str(frame.get("User-Id")))
        newcomer = Peer(routing_id, descriptor, cookie_of(descriptor), public)
        chosen = ""
        with contextlib.suppress(zmq.ZMQError):
            chosen = str(frame.get("Identity"))
        if chosen:
            self.malformed += 1
            self.send(
                newcomer,
                request_pb2.Reply(last=True, refusal=refusal_message(Refused(Code.INVALID_ARGUMENT, "a routing id cannot be chosen"))),
            )
            newcomer.cut_off()
            return None
        for old in (peer, self._by_descriptor.get(descriptor)):
            if old is not None:
                self._forget(old)
                old.end()
        self._by_id[routing_id] = self._by_descriptor[descriptor] = newcomer
        return newcomer

    def _forget_descriptor(self, descriptor: int) -> None:
        peer = self._by_descriptor.get(descriptor)
        if peer is not None:
            self._forget(peer)
            peer.end()

    def _forget(self, peer: Peer) -> None:
        if self._by_id.get(peer.routing_id) is peer:
            del self._by_id[peer.routing_id]
        if self._by_descriptor.get(peer.descriptor) is peer:
            del self._by_descriptor[peer.descriptor]
