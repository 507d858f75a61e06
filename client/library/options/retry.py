"""The `retry` argument of the library."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ....schemas.private_parts.frozen import frozen
from .arguments import must_be, must_be_whole

if TYPE_CHECKING:
    from .arguments import Duration


@frozen
class Retry:
    """Run the job again up to `max` times if it fails, each time after `delay`, which is multiplied by `backoff` after each retry.

    `on_exit`: only after these exit statuses, as a shell reports them: 128+n for signal n, 124 for the time limit. A job that was stopped
    or lost, that exceeded its output limit, or whose program could not be started is never retried.
    """

    max: int
    delay: Duration = 0
    backoff: float = 1
    on_exit: Iterable[int] = ()

    def __init__(self, max: int, delay: Duration = 0, backoff: float = 1, on_exit: Iterable[int] = ()) -> None:  # noqa: A002 -- its field
        """Read `on_exit` at once: the value may be used for many jobs, and an iterator would be empty after the first."""
        must_be("on_exit of a Retry", on_exit, Iterable, "several exit statuses")
        statuses = tuple(must_be_whole("an exit status in on_exit of a Retry", status) for status in on_exit)
        self.__dict__.update(max=must_be_whole("max of a Retry", max), delay=delay, backoff=backoff, on_exit=statuses)
