"""Several requests to a worker, each of which depends on the answers before, as a generator. Knows no connection."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import TypeVar

from ....schemas.generated import request_pb2
from ....schemas.refusal import Code, Refused
from ...protocol.exchange import Item

_Result = TypeVar("_Result")


def carry_out(call: Callable[[request_pb2.Request], Item], requests: Generator[request_pb2.Request, request_pb2.Reply, _Result]) -> _Result:
    """Send these requests one after the other, and return what they come to. Raises the refusal."""
    request = next(requests)
    while True:
        try:
            reply = read(call(request))
        except Refused as refused:
            answer = partial(requests.throw, refused)
        else:
            answer = partial(requests.send, reply)
        try:
            request = answer()
        except StopIteration as done:
            result: _Result = done.value
            return result


def read(item: Item) -> request_pb2.Reply:
    """Return an answer that is no piece of a log. Raises Refused(INTERNAL) for another one."""
    if not isinstance(item, request_pb2.Reply):
        raise Refused(Code.INTERNAL, "the worker answered with bytes of a log")
    return item
