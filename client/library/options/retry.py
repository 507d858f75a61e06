"""How a job is tried again when it fails, as programs say it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ....schemas.private_parts.frozen import frozen

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
