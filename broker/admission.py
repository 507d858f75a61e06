"""Whether an owner may have more jobs wait than it has. Counts those on their way into the store too, which no queue knows yet.

Pure: how many wait, what the limit is and which jobs are known is asked of others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from ..keys.limits import Limits
from ..schemas.refusal import Code, Reason, Refused


class Admission:
    """Who waits for the store. `waiting_of(owner)` counts those in the queue, `unknown(owner, ids)` those that would be new."""

    def __init__(
        self,
        limits_of: Callable[[bytes], Limits],
        waiting_of: Callable[[bytes], int],
        unknown: Callable[[bytes, Iterable[bytes]], int],
    ) -> None:
        self._limits_of = limits_of
        self._waiting_of = waiting_of
        self._unknown = unknown
        self._arriving: Counter[bytes] = Counter()

    def enter(self, owner: bytes, ids: Sequence[bytes]) -> None:
        """Count jobs as arriving.

        Raises Refused(RESOURCE_EXHAUSTED) if more would wait than the owner may have.
        """
        most = self._limits_of(owner).queued_jobs
        waiting = self._waiting_of(owner) + self._arriving[owner]
        if waiting + len(ids) > most:
            # A start that is repeated is answered as before, however many wait.
            fresh = self._unknown(owner, ids)
            if fresh and waiting + fresh > most:
                raise Refused(
                    Code.RESOURCE_EXHAUSTED,
                    f"{waiting} jobs of this owner wait, and {fresh} more would be over the limit of {most}",
                    "wait until some have started, or stop some",
                    reason=Reason.QUEUE_FULL,
                )
        self._arriving[owner] += len(ids)

    def leave(self, owner: bytes, count: int) -> None:
        """Count jobs no more: they have arrived, or were refused."""
        self._arriving[owner] -= count
        if not self._arriving[owner]:
            del self._arriving[owner]
