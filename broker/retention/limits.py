"""How long ended jobs and events are kept. `choose` decides, without clock or store; `Retention` carries it out in small steps.

The jobs that ended first are removed first, until age, number and bytes (of logs, folders, specs and requests) are within their limits.
The oldest events are removed first too, so that there is no gap in what is kept. They have the age limit of jobs, and a number limit of
a few for each job that may be kept.

Ages are computed by ages.py, and count from when something was recorded, not from its date: setting the machine's clock, ahead or back,
makes nothing older.

Driven by ends of jobs and by one timer for the next age. A few jobs are removed per turn, so that no request waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...schemas.naming import JobKey
from ...schemas.refusal import Refused
from ..depot import Depot
from ..store import kept
from ..store.kept import Aged
from ..store.store import Store
from .ages import BELIEVED_AFTER_SECONDS, Ages
from .folder_sizes import FolderSizes
from .followed import Followed
from .forget import Forgetting, Forgotten

_log = logging.getLogger(__name__)

DAY_SECONDS = 24 * 3600
# A client can still ask how its job ended, however little is kept.
LEAST_AGE_US = 60_000_000
# Queued, started, stopping, finished.
_EVENTS_A_JOB = 4
_JOBS_A_STEP = 50
_EVENTS_A_STEP = 200
# Between steps, other work has its turn; jobs that end together are handled together.
_PAUSE_SECONDS = 0.02
_GATHER_SECONDS = 1.0
_TRY_AGAIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Keep:
    """How many ended jobs and events are kept; None means no limit."""

    seconds: float | None = 30.0 * DAY_SECONDS
    jobs: int | None = 100_000
    kept_bytes: int | None = 10 * 1024**3

    def over(self, jobs: int, kept_bytes: int) -> bool:
        """Return whether this is more than the limits allow, regardless of age."""
        return (self.jobs is not None and jobs > self.jobs) or (self.kept_bytes is not None and kept_bytes > self.kept_bytes)

    def due_us(self, aged_from_us: int) -> int | None:
        """Return when something that was recorded at `aged_from_us` becomes too old; None: never."""
        return None if self.seconds is None else aged_from_us + max(LEAST_AGE_US, int(self.seconds * 1_000_000))


@dataclass(frozen=True, slots=True)
class Choice:
    """The jobs to remove now, and when to check again; None: when another job has ended."""

    drop: Sequence[JobKey]
    next_us: int | None


def choose(keep: Keep, oldest: Sequence[Aged], jobs: int, kept_bytes: int, now_us: int) -> Choice:
    """Choose among the `oldest` of `jobs` ended jobs, which together use `kept_bytes`."""
    drop: list[JobKey] = []
    for one in oldest:
        due_us = one.aged_from_us + LEAST_AGE_US if keep.over(jobs, kept_bytes) else keep.due_us(one.aged_from_us)
        if due_us is None or due_us > now_us:
            return Choice(drop, due_us)
        drop.append(one.key)
        jobs -= 1
        kept_bytes -= one.kept_bytes
    return Choice(drop, None)


class Retention:
    """Keeps the store of one desk within its limits."""

    def __init__(
        self,
        keep: Keep,
        store: Store,
        forgetting: Forgetting,
        followed: Followed,
        loop: asyncio.AbstractEventLoop,
        ages: Ages,
        depot: Depot,
    ) -> None:
        self._keep = keep
        self._store = store
        self._forgetting = forgetting
        self._followed = followed
        self._loop = loop
        self._ages = ages
        self._timer: asyncio.TimerHandle | None = None
        # A step is being written.
        self._dropping = False
        self._folders = FolderSizes(store, depot, self.look_soon)

    def open(self) -> None:
        """Start with the leftovers of an earlier run."""
        self._forgetting.take_up()
        self._look_in(0)

    def close(self) -> None:
        """Stop removing."""
        self._dropping = True
        if self._timer is not None:
            self._timer.cancel()

    def look_soon(self) -> None:
        """Check soon: jobs have ended, or a log is no longer being read."""
        if not self._dropping and (self._timer is None or self._timer.when() > self._loop.time() + _GATHER_SECONDS):
            self._look_in(_GATHER_SECONDS)

    def _look_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._look)

    def folder_changed(self, key: JobKey) -> None:
        """Measure the folder of an ended job again."""
        self._folders.measure(key)

    def _look(self) -> None:
        self._timer = None
        self._folders.look()
        try:
            self._remove_some()
        except Refused as refused:
            self._failed(refused)

    def _remove_some(self) -> None:
        now_us = self._ages.now_us()
        keep = self._keep if self._ages.known else replace(self._keep, seconds=None)
        jobs, kept_bytes, first_seq = kept.totals(self._store)
        # Jobs whose logs are being read are skipped; the limit on streams limits their number.
        oldest = kept.oldest_jobs(self._store, _JOBS_A_STEP + len(self._followed))
        spare = [one for one in oldest if one.key not in self._followed]
        if len(spare) < len(oldest):
            self._followed.call_when_one_is_left(self.look_soon)
        chosen = choose(keep, spare, jobs, kept_bytes, now_us)
        events_upto, events_due_us = self._choose_events(keep, first_seq, now_us)
        if chosen.drop or events_upto:
            self._dropping = True
            self._forgetting.forget(chosen.drop, self._dropped, events_upto=events_upto)
            return
        due = [at for at in (chosen.next_us, events_due_us) if at is not None]
        seconds = [max(_GATHER_SECONDS, (min(due) - now_us) / 1e6)] if due else []
        if keep is not self._keep:
            seconds.append(BELIEVED_AFTER_SECONDS)
        if seconds:
            self._look_in(min(seconds))

    def _choose_events(self, keep: Keep, first_seq: int, now_us: int) -> tuple[int, int | None]:
        """Return up to which seq events are removed now (0: none), and when the next one becomes too old."""
        excess = 0
        if keep.jobs is not None:
            excess = self._store.head + 1 - first_seq - _EVENTS_A_JOB * keep.jobs
        upto = first_seq - 1
        next_us: int | None = None
        for seq, aged_from_us in kept.oldest_events(self._store, upto, _EVENTS_A_STEP):
            next_us = aged_from_us + LEAST_AGE_US if seq - first_seq < excess else keep.due_us(aged_from_us)
            if next_us is None or next_us > now_us:
                break
            upto = seq
        return (upto if upto >= first_seq else 0), next_us

    def _dropped(self, result: Forgotten | Refused) -> None:
        self._dropping = False
        if isinstance(result, Refused):
            self._failed(result)
        else:
            self._look_in(_PAUSE_SECONDS)

    def _failed(self, why: Refused) -> None:
        _log.warning("jobs beyond the retention limits cannot be removed: %s", why)
        self._look_in(_TRY_AGAIN_SECONDS)
