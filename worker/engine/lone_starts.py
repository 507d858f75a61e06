"""Decide which starts the supervisor reports at once: those that come alone, while the disk is fast.

Normally it holds the fact of a start back for a moment, because the job may end meanwhile, and both are recorded in one commit. If jobs
come one by one, a client may be waiting for the end of this one, and gets it sooner if the start was recorded before: less is left to do,
and disk, threads and caches are warm. On a slow disk the end would come later, because it waits for two commits. Knows no clock and no
disk.
"""

from __future__ import annotations

import math

# Among several jobs, those that share a commit gain more than the one that was first.
_ALONE_SECONDS = 0.004


class LoneStarts:
    """The times of the latest starts."""

    def __init__(self) -> None:
        self._last = -math.inf

    def is_alone(self, jobs: int, others: int, now: float) -> bool:
        """Return whether a start of this many jobs comes alone. `others`: how many more are starting; `now`: in seconds."""
        before, self._last = self._last, now
        return jobs == 1 and not others and now - before >= _ALONE_SECONDS
