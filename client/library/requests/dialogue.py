"""Several requests to a worker, each of which depends on the replies before. Knows no connection."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Generic, NamedTuple, TypeVar

from ....schemas.generated import request_pb2
from ....schemas.refusal import Code, Refused
from ...protocol.exchange import Chunk, Item

_Result = TypeVar("_Result")
# Yields requests; is sent the answer to each, or its refusal is thrown; and returns what they come to.
Dialogue = Generator[request_pb2.Request, Item, _Result]


class Done(NamedTuple, Generic[_Result]):
    """The result of a dialogue."""

    result: _Result


def carry_out(call: Callable[[request_pb2.Request], Item], dialogue: Dialogue[_Result]) -> _Result:
    """Send these requests one after the other, and return the result. Raises the refusal."""
    step = pass_on(dialogue, None)
    while not isinstance(step, Done):
        try:
            answer: Item | Refused = call(step)
        except Refused as refused:
            answer = refused
        step = pass_on(dialogue, answer)
    result: _Result = step.result
    return result


def pass_on(dialogue: Dialogue[_Result], answer: Item | Refused | None) -> request_pb2.Request | Done[_Result]:
    """Pass a reply to a dialogue, None to start it; return the next request, or the result. Raises Refused."""
    try:
        return dialogue.throw(answer) if isinstance(answer, Refused) else dialogue.send(answer)  # type: ignore[arg-type] # reason: None begins it
    except StopIteration as done:
        return Done(done.value)


def reply_with(content: str, answer: Item | None) -> request_pb2.Reply:
    """Return a reply that has this content. Raises Refused(INTERNAL) for another one, or none."""
    if not isinstance(answer, request_pb2.Reply) or answer.WhichOneof("content") != content:
        raise Refused(Code.INTERNAL, f"the worker did not answer with {content}")
    return answer


def piece_of_log(answer: Item) -> Chunk:
    """Return a reply that is a piece of a log. Raises Refused(INTERNAL) for another one."""
    if not isinstance(answer, Chunk):
        raise Refused(Code.INTERNAL, "the worker did not answer with a part of the log")
    return answer
