"""Jobs that retention does not remove: those with followed logs, whose number is limited, and those that a broker has not settled."""

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
        # Jobs of a broker that has not recorded their end.
        self._held: set[JobKey] = set()

    def __len__(self) -> int:
        """Return how many jobs these are."""
        return len(self._jobs) + len(self._held)

    def __contains__(self, key: JobKey) -> bool:
        """Return whether a log of this job is being followed, or the job is held."""
        return key in self._jobs or key in self._held

    def holds(self, key: JobKey) -> bool:
        """Return whether a job is held."""
        return key in self._held

    def hold(self, key: JobKey) -> None:
        """Keep a job until `let_go`: its broker has not recorded its end."""
        self._held.add(key)

    def let_go(self, key: JobKey) -> None:
        """Stop holding a job."""
        self._held.discard(key)
        self._one_is_left()

    def demand_room(self, follower: bytes) -> None:
        """Check that this member can follow one more log; each member may use a quarter of the limit.

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
            self._one_is_left()

    def _one_is_left(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for callback in waiting:
            callback()

    def call_when_one_is_left(self, callback: Callable[[], None]) -> None:
        """Call back once, as soon as the last stream that follows logs of some job has ended."""
        self._waiting.add(callback)
