"""The jobs whose logs are being followed: retention does not remove them, and their number is limited."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable

from ...schemas.naming import JobKey
from ...schemas.refusal import Code, Reason, Refused


class Followed:
    """The followed logs of all jobs. All members together follow at most `most` logs at once: each needs a descriptor."""

    def __init__(self, most: int = sys.maxsize) -> None:
        self._most = most
        self._jobs: Counter[JobKey] = Counter()
        self._by_follower: Counter[bytes] = Counter()
        self._waiting: set[Callable[[], None]] = set()

    def __len__(self) -> int:
        """Return how many jobs these are."""
        return len(self._jobs)

    def __contains__(self, key: JobKey) -> bool:
        """Return whether a log of this job is being followed."""
        return key in self._jobs

    def demand_room(self, follower: bytes) -> None:
        """Check that this member can follow one more log; each may use a quarter of the limit.

        Raises Refused(RESOURCE_EXHAUSTED).
        """
        if self._jobs.total() >= self._most or self._by_follower[follower] >= max(1, self._most // 4):
            raise Refused(
                Code.RESOURCE_EXHAUSTED,
                f"{self._jobs.total()} logs are being followed, and no descriptors are left for more",
                reason=Reason.TOO_MANY_STREAMS,
            )

    def begin(self, key: JobKey, follower: bytes) -> None:
        """Note that a stream of this member follows a log of this job, until `end`."""
        self._jobs[key] += 1
        self._by_follower[follower] += 1

    def end(self, key: JobKey, follower: bytes) -> None:
        """Note that a stream of this member no longer follows a log of this job."""
        self._by_follower[follower] -= 1
        if not self._by_follower[follower]:
            del self._by_follower[follower]
        self._jobs[key] -= 1
        if not self._jobs[key]:
            del self._jobs[key]
            waiting, self._waiting = self._waiting, set()
            for callback in waiting:
                callback()

    def call_when_one_is_left(self, callback: Callable[[], None]) -> None:
        """Call back once, as soon as no stream follows the logs of some job any more."""
        self._waiting.add(callback)
