"""Query words for completion over a connection: the quick one of a Tab, or the one that a `jobwire shell` has.

A page of jobs is requested when its consumer needs it, so a consumer that has enough ends the iteration. The deadline ends it too: what has
arrived by then is better than nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from .....schemas.generated import request_pb2
from .....schemas.refusal import Code, Refused
from .first_questions import questions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol, TypeVar

    from ....protocol.exchange import Item
    from ..jobs import Found
    from ..line import Wish

    _Asked = TypeVar("_Asked")

    class Line(Protocol[_Asked]):
        """A connection: a query is identified by a number, or an exchange."""

        def ask(self, request: request_pb2.Request, /) -> _Asked:
            """Send a query; never waits."""

        def next(self, asked: _Asked, deadline: float, /) -> Item | None:
            """Wait for the reply."""

        def forget(self, asked: _Asked, /) -> None:
            """Stop waiting for it."""

        def hello(self, deadline: float, /) -> request_pb2.HelloReply:
            """Return the worker's reply to `hello`."""


# What a worker says in its greeting: that it knows the filters and the order of a list, and that it has schedules.
_FILTERS = "list"
_SCHEDULES = "schedules"


def jobs_over(line: Line[_Asked], wish: Wish, deadline: float) -> Iterator[Found]:
    """Return the jobs and runs that arrive over this connection before the deadline, on `time.monotonic`, newest first.

    Raises `Refused` if there is no connection.
    """
    requests, most_pages = questions(wish)
    asked = [(request, line.ask(request)) for request in requests]
    try:
        has_filters = _FILTERS in line.hello(deadline).features
        for request, number in asked:
            match request.WhichOneof("verb"):
                case "query_one":
                    yield from (reply.query_one.job for reply in _unless_refused(line, number, deadline))
                case "list_runs":
                    yield from (run for reply in _unless_refused(line, number, deadline) for run in reply.list_runs.runs)
                case _:
                    found = _listed(line, request.list, number, deadline, most_pages)
                    # One that is older begins with the oldest.
                    yield from found if has_filters else reversed(list(found))
    except TimeoutError:
        for _, number in asked:
            line.forget(number)


def _listed(line: Line[_Asked], wanted: request_pb2.List, asked: _Asked, deadline: float, most: int) -> Iterator[Found]:
    for left in reversed(range(most)):
        try:
            page = _answer(line, asked, deadline).list
        except TimeoutError:
            line.forget(asked)
            return
        yield from page.jobs
        if not page.next_page or not left:
            return
        following = request_pb2.List(page=page.next_page)
        following.MergeFrom(wanted)
        asked = line.ask(request_pb2.Request(list=following))


def schedules_over(line: Line[_Asked], deadline: float) -> Iterator[request_pb2.ScheduleInfo]:
    """Return the schedules that arrive before the deadline; none from a worker that is too old for schedules."""
    asked = line.ask(request_pb2.Request(list_schedules=request_pb2.ListSchedules()))
    try:
        if _SCHEDULES not in line.hello(deadline).features:
            return
        while True:
            page = _answer(line, asked, deadline).list_schedules
            yield from page.schedules
            if not page.next_page:
                return
            asked = line.ask(request_pb2.Request(list_schedules=request_pb2.ListSchedules(page=page.next_page)))
    except TimeoutError:
        line.forget(asked)


def members_over(line: Line[_Asked], deadline: float) -> Iterator[request_pb2.RosterMember]:
    """Return the members on the roster that arrive before the deadline; none if the client may not see them."""
    asked = line.ask(request_pb2.Request(list_members=request_pb2.ListMembers()))
    try:
        for reply in _unless_refused(line, asked, deadline):
            yield from reply.list_members.members
    except TimeoutError:
        line.forget(asked)


def _unless_refused(line: Line[_Asked], asked: _Asked, deadline: float) -> list[request_pb2.Reply]:
    """Return the reply, or None if the query was refused: no such job, no permission, or too old a worker."""
    try:
        return [_answer(line, asked, deadline)]
    except Refused:
        return []


def _answer(line: Line[_Asked], asked: _Asked, deadline: float) -> request_pb2.Reply:
    reply = line.next(asked, deadline)
    if not isinstance(reply, request_pb2.Reply):
        raise Refused(Code.INTERNAL, "the worker answered a question with something else")
    return reply
