"""Decide which starts the supervisor is to tell at once: those that come alone, while the disk is fast.

As a rule it holds the fact of a start back for a moment, because the job may end meanwhile, and both are recorded in one commit. Where
jobs come one by one, somebody may wait for the end of this one, and it comes sooner if the start was recorded by then: what is left to do
is less, and the disk, the threads and the caches are awake. On a slow disk it would come later, because it waits for two commits. Knows
no clock and no disk.
"""

from __future__ import annotations

import math

# Among several jobs, those that share a commit gain more than the one that was first.
_ALONE_SECONDS = 0.004


class LoneStarts:
    """When jobs were started last."""

    def __init__(self) -> None:
        self._last = -math.inf

    def is_alone(self, jobs: int, others: int, now: float) -> bool:
        """Return whether a start of so many jobs comes alone. `others`: how many more are starting; `now`: in seconds."""
        before, self._last = self._last, now
        return jobs == 1 and not others and now - before >= _ALONE_SECONDS
