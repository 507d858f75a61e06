"""For how long nothing was heard of jobs, while somebody who was asked to leave waits for their end. Pure: times and counts are passed in.

Who waits for jobs waits out a lost connection and a worker that hangs, however long. Who was told to end, and wants the jobs stopped
before that, waits only as long as somebody answers. Whatever comes is a sign of life; but what a broker says is none of the worker behind
it, so the broker is asked about that.

Who was suspended itself, or had other things to do, has heard nothing because it did not listen: then the time begins anew.
"""

from __future__ import annotations

from collections.abc import Collection

from ...schemas.naming import JobKey

# A worker that is restarted is back sooner, and who wants to leave does not wait much longer.
NO_SIGN_SECONDS = 5.0
# How often to ask for a sign; and after how long without a look nobody was there to hear it.
ASK_SECONDS = 1.0
_AWAY_SECONDS = 3 * ASK_SECONDS


class LastWait:
    """What was heard since somebody wants to leave. `heard`: how many messages came so far."""

    def __init__(self, now: float, heard: int) -> None:
        self._begun_at = self._looked_at = self._heard_at = now
        self._heard = heard
        # The jobs of which a broker says that their worker is silent, and since when; not since before this began.
        self._silent: dict[JobKey, float] = {}

    def look(self, now: float, heard: int, *, is_moving: bool = False) -> None:
        """Note what came. `is_moving`: bytes come or are taken, though no message is complete."""
        if now > self._looked_at + _AWAY_SECONDS:
            self._begun_at = self._heard_at = now
            self._silent = dict.fromkeys(self._silent, now)
        self._looked_at = now
        if heard != self._heard or is_moving:
            self._heard, self._heard_at = heard, now

    def tell(self, job: JobKey, now: float, silent_seconds: float | None) -> None:
        """Note what is said of the worker of a job: for how long it has been silent; None: it is not."""
        if silent_seconds is None:
            self._silent.pop(job, None)
        else:
            self._silent.setdefault(job, max(self._begun_at, now - silent_seconds))

    def lasts(self, now: float, jobs: Collection[JobKey]) -> float:
        """Return for how many seconds there has been no sign of these jobs: of none of them, or of nobody at all."""
        latest = max((self._silent.get(job, now) for job in jobs), default=now)
        return max(0.0, now - min(self._heard_at, latest))
