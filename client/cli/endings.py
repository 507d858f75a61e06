"""How a command ends: the exit statuses that are fixed once, and the two exceptions that carry them.

`run`, `submit --wait` and `wait` of one job end as the job ended; several jobs and batches end 1 if any failed. Everything else ends
0 when done, 1 when refused, 2 when it cannot be understood, 124 when `--timeout` passed, 125 when nobody answers or we failed.
"""

from __future__ import annotations

DONE = 0
REFUSED = 1
MISUSED = 2
TIMED_OUT = 124
OWN_FAILURE = 125
INTERRUPTED = 130
READER_GONE = 141


class Ending(Exception):  # noqa: N818 -- not an error
    """Raised to end the command with a status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class BadInput(Exception):  # noqa: N818 -- a fact about what was typed
    """Raised for what a person typed or wrote and we cannot understand; nothing was sent. Ends with `MISUSED`."""
