"""Several requests to a worker, each of which depends on the answers before, for an event loop; see the library."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from ...schemas.generated import request_pb2
from ...schemas.refusal import Refused
from ..library.requests.dialogue import read
from .loop.connection import AsyncConnection

_Result = TypeVar("_Result")


async def carry_out(connection: AsyncConnection, requests: Generator[request_pb2.Request, request_pb2.Reply, _Result]) -> _Result:
    """Send these requests one after the other, and return what they come to. Raises the refusal."""
    request = next(requests)
    try:
        while True:
            try:
                reply = read(await connection.call(request))
            except Refused as refused:
                request = requests.throw(refused)
            else:
                request = requests.send(reply)
    except StopIteration as done:
        result: _Result = done.value
        return result
