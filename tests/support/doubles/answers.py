"""In the place of the ROUTER: what was answered over it, and who was cut off."""

from __future__ import annotations

import asyncio

from jobwire.broker.sockets.peers import Peer
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.refusal import Refused


class Answers:
    """Takes answers, as they would be written."""

    def __init__(self) -> None:
        self.replied: list[request_pb2.Reply] = []
        self.refused: list[Refused] = []
        self.dropped: list[Peer] = []
        self.came = asyncio.Event()

    def send(self, _peer: Peer, reply: request_pb2.Reply, _bulk: bytes | None = None) -> bool:
        reply.SerializeToString()
        self.replied.append(reply)
        self.came.set()
        return True

    def refuse(self, _peer: Peer, _request_id: int, refused: Refused) -> None:
        self.refused.append(refused)

    def expel(self, peer: Peer, request_id: int, refused: Refused, _reason: str) -> None:
        self.refuse(peer, request_id, refused)

    def drop(self, peer: Peer, _reason: str) -> None:
        self.dropped.append(peer)
