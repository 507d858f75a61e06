"""Many questions about jobs at once, each a generator: it yields requests, is sent their answers, and returns what it has found out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping
from functools import partial
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from ....schemas.generated import job_pb2, request_pb2
from ....schemas.naming import JobKey
from ....schemas.refusal import Code, Refused
from ....schemas.wire_codec import key_to_wire
from ...protocol.exchange import Exchange, Item
from ...sockets.connection import Connection

_Found = TypeVar("_Found")
Question = Generator[request_pb2.Request, Item, _Found]

# Far below what a worker holds for one peer.
AT_ONCE = 64


class Found(NamedTuple, Generic[_Found]):
    """What a question has found out."""

    answer: _Found


def about(key: JobKey) -> Question[job_pb2.Job]:
    """Find out what is known about a job. Raises Refused."""
    reply = yield request_pb2.Request(query_one=request_pb2.QueryOne(key=key_to_wire(key)))
    if not isinstance(reply, request_pb2.Reply) or not reply.HasField("query_one"):
        raise Refused(Code.INTERNAL, "the worker did not answer with a job")
    return reply.query_one.job


def pass_on(one: Question[_Found], item: Item | Refused) -> request_pb2.Request | Found[_Found]:
    """Pass on an answer, and return what to ask next, or what was found. Raises Refused."""
    try:
        return one.throw(item) if isinstance(item, Refused) else one.send(item)
    except StopIteration as done:
        return Found(done.value)


def ask_all(connection: Connection, questions: Mapping[int, Question[_Found]]) -> list[_Found]:
    """Return what these have found out, in their order. Raises Refused: its `job_index` is the number of the question."""
    found: list[_Found] = []
    asked: deque[tuple[int, Question[_Found], Exchange]] = deque()
    rest = iter(questions.items())
    try:
        while True:
            for number, one in islice(rest, AT_ONCE - len(asked)):
                asked.append((number, one, connection.ask(next(one))))
            if not asked:
                return found
            number, one, exchange = asked[0]
            try:
                item = _answer_to(partial(connection.next, exchange))
                asked.popleft()
                while not isinstance(step := pass_on(one, item), Found):
                    item = _answer_to(partial(connection.call, step))
            except Refused as refused:
                refused.job_index = number
                raise
            found.append(step.answer)
    finally:
        for *_, exchange in asked:
            connection.forget(exchange)


def _answer_to(ask: Callable[[], Item | None]) -> Item | Refused:
    try:
        return ask() or Refused(Code.INTERNAL, "the request was ended without an answer")
    except Refused as refused:
        return refused
