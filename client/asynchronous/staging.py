"""Sends the requests of a batch that is staged, one after the other; for an event loop."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from ...schemas.generated import request_pb2
from ...schemas.refusal import Refused
from ..library.requests.staging import read
from .loop.connection import AsyncConnection

_Result = TypeVar("_Result")


async def carry_out(connection: AsyncConnection, requests: Generator[request_pb2.Request, request_pb2.Reply, _Result]) -> _Result:
    """Send the requests of `steps`, and return what these return. Raises the refusal."""
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
