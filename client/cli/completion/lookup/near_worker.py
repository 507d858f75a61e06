"""The jobs and schedules of the worker in use, for completion: queried only if it runs, and with a short deadline."""

from __future__ import annotations

import time
from collections.abc import Iterator

from .....keys.identity import load
from ....config.contexts import resolve_running
from .quick_line import QuickLine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from .....schemas.generated import request_pb2
    from ..jobs import Found
    from ..line import Wish

    _Thing = TypeVar("_Thing")

# From the moment when the first module of the answer was loaded, some 20 ms after the Tab; a shell waits some 5 ms more for the end.
_SECONDS = 0.065
# A machine that took longer to come so far is busy, and gives the worker no more time either: so much more than that, but not for ever.
_BUSY = 1.5
_MOST_SECONDS = 0.3


def ask(wish: Wish, begun: float) -> Iterator[Found]:
    """Return the jobs and runs that may complete a command, newest first, as far as they arrive before the deadline.

    Starts connecting. `begun`: when the first module was loaded, on `time.monotonic`.

    Raises `Refused` and OSError if there is no worker to query, also during iteration.
    """
    deadline = patience_ends(begun, time.monotonic())
    if (line := _line(wish, deadline)) is None:
        return iter(())
    from .inquiry import jobs_over  # noqa: PLC0415 -- while the handshake is under way

    return _closing(line, jobs_over(line, wish, deadline))


def ask_for_schedules(wish: Wish, begun: float) -> Iterator[request_pb2.ScheduleInfo]:
    """Return the schedules that the client may see, as far as they arrive before the deadline; as `ask` does."""
    deadline = patience_ends(begun, time.monotonic())
    if (line := _line(wish, deadline)) is None:
        return iter(())
    from .inquiry import schedules_over  # noqa: PLC0415 -- as above

    return _closing(line, schedules_over(line, deadline))


def ask_for_members(wish: Wish, begun: float) -> Iterator[request_pb2.RosterMember]:
    """Return the members on the roster, if the client may see them and they arrive before the deadline; as `ask` does."""
    deadline = patience_ends(begun, time.monotonic())
    if (line := _line(wish, deadline)) is None:
        return iter(())
    from .inquiry import members_over  # noqa: PLC0415 -- as above

    return _closing(line, members_over(line, deadline))


def patience_ends(begun: float, now: float) -> float:
    """Return the deadline for a worker that is queried now. Pure; times are on `time.monotonic`."""
    return max(begun + _SECONDS, now + min(_BUSY * (now - begun), _MOST_SECONDS))


def _line(wish: Wish, deadline: float) -> QuickLine | None:
    context = resolve_running(wish.context)
    if context is None:
        return None
    if context.of_job:
        from .....keys.proofs import delegation  # noqa: PLC0415 -- only in jobs

        identity = delegation.read(context.identity_path).identity
    else:
        identity = load(context.identity_path)
    return QuickLine(context.endpoint, context.server_key, identity, deadline)


def _closing(line: QuickLine, found: Iterator[_Thing]) -> Iterator[_Thing]:
    try:
        yield from found
    finally:
        line.close()
