"""The messages that follow a request: the sizes of a terminal, pieces of bytes, and the seal of an input at its end. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ....keys.identity import Identity
from ....keys.proofs.input_seal import Fed
from ....schemas.generated import request_pb2
from ....schemas.naming import JobKey
from .feeding import Feeding
from .keystrokes import Keystrokes
from .uploading import Uploading


def pushed(
    pushes: Feeding | Keystrokes | Uploading, request: request_pb2.Request, identity: Identity
) -> Iterator[tuple[request_pb2.Request, bytes | memoryview | None]]:
    """Iterate over what is to be sent now after a request, each with the bytes of its second frame if it has one. `identity` seals."""
    while isinstance(pushes, Keystrokes) and (size := pushes.next_size()) is not None:
        yield request_pb2.Request(resize=request_pb2.Resize(request_id=request.id, rows=size.rows, columns=size.columns)), None
    while (piece := pushes.next()) is not None:
        push = request_pb2.Push(request_id=request.id, start=piece.start, last=piece.last)
        if piece.last and isinstance(pushes, Feeding):
            push.seal = _seal(pushes, request.feed, identity)
        yield request_pb2.Request(push=push), piece.data


def _seal(feeding: Feeding, asked: request_pb2.Feed, identity: Identity) -> bytes:
    if feeding.hash is None:
        return feeding.seal
    return feeding.hash.seal(identity, Fed(JobKey(identity.owner, asked.key.id), asked.token))
