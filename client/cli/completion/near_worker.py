"""The jobs and schedules of the worker in use, for completion: asked only if it runs, and only as long as nobody notices."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ....keys.identity import load
from ....keys.proofs import delegation
from ....schemas.generated import job_pb2, request_pb2
from ...config.contexts import resolve_running
from ...library.requests.filters import FEATURE
from ...library.requests.pages import Pages
from ...sockets.connection import Connection
from .jobs import UNFINISHED

if TYPE_CHECKING:
    from ...config.contexts import Context
    from .line import Wish

# For the connection, the handshake and all answers together.
PATIENCE_SECONDS = 0.08
# What a worker that has schedules says in its greeting.
_SCHEDULES = "schedules"
# More than anybody looks through.
_MOST_JOBS = 1000


def ask(wish: Wish) -> list[job_pb2.Job]:
    """Return the jobs that a command may mean, in the order of their queueing: those that came before patience ended.

    Raises `Refused` and OSError if there is no worker to ask.
    """
    if (context := resolve_running(wish.context)) is None:
        return []
    deadline = time.monotonic() + PATIENCE_SECONDS
    return ask_over(_connection(context), wish, deadline)


def ask_for_schedules(wish: Wish) -> list[request_pb2.ScheduleInfo]:
    """Return the schedules that one may see there, those that came before patience ended; raises as `ask` does."""
    if (context := resolve_running(wish.context)) is None:
        return []
    deadline = time.monotonic() + PATIENCE_SECONDS
    return schedules_over(_connection(context), deadline)


def _connection(context: Context) -> Connection:
    identity = delegation.read(context.identity_path).identity if context.of_job else load(context.identity_path)
    return Connection(context.endpoint, context.server_key, identity, connect_timeout=PATIENCE_SECONDS)


def ask_over(connection: Connection, wish: Wish, deadline: float) -> list[job_pb2.Job]:
    """Return the jobs that came over this connection before the deadline, on `time.monotonic`, in the order of their queueing.

    Of a long history the newest come first, unless the worker is too old for that.
    """
    jobs: list[job_pb2.Job] = []
    newest_first = False
    try:
        newest_first = FEATURE in connection.hello(deadline).features
        wanted = request_pb2.List(all=wish.path not in UNFINISHED, newest_first=newest_first)
        pages = Pages(request_pb2.Request(list=wanted), lambda reply: reply.list.jobs)
        while (request := pages.request) is not None and len(jobs) < _MOST_JOBS:
            jobs.extend(pages.take(connection.call(request, deadline)))
    except TimeoutError:
        # What came is better than nothing.
        pass
    return jobs[::-1] if newest_first else jobs


def schedules_over(connection: Connection, deadline: float) -> list[request_pb2.ScheduleInfo]:
    """Return the schedules that came over this connection before the deadline; none of a worker that is too old for schedules."""
    schedules: list[request_pb2.ScheduleInfo] = []
    try:
        if _SCHEDULES not in connection.hello(deadline).features:
            return []
        wanted = request_pb2.Request(list_schedules=request_pb2.ListSchedules())
        pages = Pages(wanted, lambda reply: reply.list_schedules.schedules)
        while (request := pages.request) is not None:
            schedules.extend(pages.take(connection.call(request, deadline)))
    except TimeoutError:
        # As above.
        pass
    return schedules
