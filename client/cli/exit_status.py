"""The exit statuses of the command, and the two exceptions that carry them.

`run`, `submit --wait` and `wait` for one job exit with the status of the job; for several jobs and for batches, with 1 if any failed.
Everything else exits with 0 when done, 1 when refused, 2 for an invalid command line or file, 124 when `--timeout` has passed, 3 when
`verify` finds nothing wrong but the end of a job is unproven, and 125 when the worker does not respond or jobwire itself failed, or could
not send a request because this user's own files (identity, contexts, roster, state folder) cannot be used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...schemas.jobs.reserved_statuses import OWN_FAILURE, TIMED_OUT
from ...schemas.refusal import Code, Refused

__all__ = [
    "DONE",
    "INTERRUPTED",
    "MISUSED",
    "OWN_FAILURE",
    "READER_GONE",
    "REFUSED",
    "TIMED_OUT",
    "UNPROVEN",
    "BadInput",
    "Ending",
    "NotAsked",
    "is_no_answer",
    "own_files",
]

DONE = 0
REFUSED = 1
MISUSED = 2
UNPROVEN = 3
INTERRUPTED = 130
READER_GONE = 141


class NotAsked(Refused):
    """Raised if no request can be sent, because a file or folder of this user cannot be used."""

    def __init__(self, why: Refused) -> None:
        super().__init__(why.code, why.message, why.next_step)


def is_no_answer(refused: Refused) -> bool:
    """Return whether the worker did not respond or was not asked, so that further requests are pointless."""
    return isinstance(refused, NotAsked) or refused.code in {Code.UNAVAILABLE, Code.UNAUTHENTICATED, Code.INTERNAL}


@contextmanager
def own_files() -> Iterator[None]:
    """Turn a refusal about this user's own files into NotAsked."""
    try:
        yield
    except Refused as refused:
        # Not for NOT_FOUND: that there is no such context is an answer.
        if refused.code in {Code.FAILED_PRECONDITION, Code.PERMISSION_DENIED}:
            raise NotAsked(refused) from None
        raise


class Ending(Exception):  # noqa: N818 -- not an error
    """Raised to exit with a status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class BadInput(Exception):  # noqa: N818 -- a fact about what was typed
    """Raised for invalid input; nothing was sent. The command exits with `MISUSED`."""
