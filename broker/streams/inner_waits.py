"""Jobs that wait for jobs they started, without a key of their own: found by the `within` of a start.

Unlike the jobs in broker/jobs/loans.py, such a job keeps its slot while it waits. If all slots are in use by such jobs, none of what they
wait for can start, and none of them can continue. Known only while the watch is open, which is as long as the command waits; a command that
reconnects watches again. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from ...schemas.naming import JobKey, short_id


class InnerWaits:
    """Which jobs wait for which."""

    def __init__(self) -> None:
        self._waiting: Counter[JobKey] = Counter()
        self._waiting_for: dict[JobKey, list[JobKey]] = {}

    def __len__(self) -> int:
        """Return how many jobs wait for others."""
        return len(self._waiting)

    def begin(self, outer: JobKey, inner: Sequence[JobKey]) -> None:
        """Note that a command of the job `outer` waits for all of `inner`."""
        self._waiting[outer] += 1
        for key in inner:
            self._waiting_for.setdefault(key, []).append(outer)

    def end(self, outer: JobKey, inner: Sequence[JobKey]) -> None:
        """Note that the command no longer waits."""
        self._waiting[outer] -= 1
        if not self._waiting[outer]:
            del self._waiting[outer]
        for key in inner:
            outers = self._waiting_for[key]
            outers.remove(outer)
            if not outers:
                del self._waiting_for[key]

    def about(self, key: JobKey, slots: int, holds_slot: Callable[[JobKey], bool]) -> str:
        """Return what this means for a queued job while all slots are in use, as the end of a sentence; empty if nothing.

        The cost depends on how many jobs wait for others, and not on how many are queued.
        """
        if self._waiting and sum(map(holds_slot, self._waiting)) >= slots:
            if slots == 1:
                return ", by a job that waits for one that it started; stop it, or neither can go on"
            return ", all of them by jobs that wait for jobs that they started; stop one of them, or none can go on"
        outer = next(filter(holds_slot, self._waiting_for.get(key, ())), None)
        return f", one of them by job {short_id(outer.id)}, which started this job and waits for it" if outer else ""
