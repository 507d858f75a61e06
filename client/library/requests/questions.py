"""Many queries about jobs at once, each a dialogue."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from typing import TypeVar

from ....schemas.generated import job_pb2
from ....schemas.naming import JobKey
from ....schemas.refusal import Code, Refused
from ...protocol.exchange import Exchange, Item
from ...sockets.connection import Connection
from .dialogue import Dialogue, Done, pass_on, reply_with
from .queries import query_by_key

_Found = TypeVar("_Found")

# Far below what a worker holds for one peer.
AT_ONCE = 64


def about(key: JobKey) -> Dialogue[job_pb2.Job]:
    """Find out what is known about a job. Raises Refused."""
    answer = yield query_by_key(key)
    return reply_with("query_one", answer).query_one.job


def ask_all(connection: Connection, questions: Mapping[int, Dialogue[_Found]]) -> list[_Found]:
    """Return the results of these dialogues, in their order. Raises Refused: its `job_index` is the position of the dialogue."""
    found: list[_Found] = []
    asked: deque[tuple[int, Dialogue[_Found], Exchange]] = deque()
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
                while not isinstance(step := pass_on(one, item), Done):
                    item = _answer_to(partial(connection.call, step))
            except Refused as refused:
                refused.job_index = number
                raise
            found.append(step.result)
    finally:
        for *_, exchange in asked:
            connection.forget(exchange)


def _answer_to(ask: Callable[[], Item | None]) -> Item | Refused:
    try:
        return ask() or Refused(Code.INTERNAL, "the request was ended without an answer")
    except Refused as refused:
        return refused
