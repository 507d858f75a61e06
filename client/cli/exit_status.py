"""The exit statuses of the command, and the two exceptions that carry them.

`run`, `submit --wait` and `wait` for one job exit with the status of the job; for several jobs and for batches, with 1 if any failed.
Everything else exits with 0 when done, 1 when refused, 2 for a command line or file that is not valid, 124 when `--timeout` has passed,
3 when `verify` finds nothing wrong and how a job ended is not proven, and 125 when the worker does not answer or jobwire itself failed.
"""

from __future__ import annotations

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
    "is_no_answer",
]

DONE = 0
REFUSED = 1
MISUSED = 2
UNPROVEN = 3
INTERRUPTED = 130
READER_GONE = 141


def is_no_answer(refused: Refused) -> bool:
    """Return whether the worker did not answer, and would not answer anything else either."""
    return refused.code in {Code.UNAVAILABLE, Code.UNAUTHENTICATED, Code.INTERNAL}


class Ending(Exception):  # noqa: N818 -- not an error
    """Raised to exit with a status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class BadInput(Exception):  # noqa: N818 -- a fact about what was typed
    """Raised for input of a person that is not valid; nothing was sent. The command exits with `MISUSED`."""
