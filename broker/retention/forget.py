"""Remove ended jobs: rows and log folders. A tombstone remains, so that the id never runs again.

The order is: one commit adds the tombstone, deletes the row, and records the log folder as a leftover; then the folder is removed, and then
the leftover. What is interrupted in between continues at the next start. Only folders of leftovers are ever removed: other content of the
log folder belongs to somebody else.

Events are not removed together with their job: a gap in the middle would look as if nothing had happened. The oldest go first, see
limits.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...schemas.naming import AttemptKey, JobKey
from ...schemas.refusal import Refused
from ..engine import Engine, Run
from ..store.kept import leftovers
from ..store.store import Store
from ..writes.jobs import DropJobs, LogsGone

_log = logging.getLogger(__name__)

_JOBS_A_STEP = 50
_LEFTOVERS_A_TURN = 50
_FIRST = AttemptKey(b"", b"", 0)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many jobs were removed, and the size of their logs."""

    jobs: int
    log_bytes: int


_NOTHING = Forgotten(0, 0)


class Forgetting:
    """Removes jobs of one desk."""

    def __init__(
        self, store: Store, engine: Engine, is_held: Callable[[JobKey], bool] = lambda _: False, dropped: Callable[[], None] = lambda: None
    ) -> None:
        """`is_held` returns whether the broker of a job has not recorded its end; such a job is skipped too.

        `dropped`: called when jobs were removed.
        """
        self._is_held = is_held
        self._dropped = dropped
        self._store = store
        self._engine = engine

    def forget(
        self,
        keys: Sequence[JobKey],
        done: Callable[[Forgotten | Refused], None],
        *,
        events_upto: int = 0,
        so_far: Forgotten = _NOTHING,
        begin: int = 0,
    ) -> None:
        """Remove jobs, and events up to a seq; `done` is called when that is durable. Unended jobs are skipped.

        Many jobs are removed in steps, so that no other request waits for all of them.
        """
        write = DropJobs([key for key in keys[begin : begin + _JOBS_A_STEP] if not self._is_held(key)], events_upto)

        def dropped() -> None:
            result = write.result
            if isinstance(result, Refused):
                done(result)
                return
            if result:
                self._dropped()
            last = [(one.key, one.pid, one.started_at_us, one.ended_at_us) for one in result]
            runs = [Run(*run) for run in (*last, *(run for one in result for run in one.earlier))]
            self._discard([run for run in runs if run.started_at_us])
            now = Forgotten(so_far.jobs + len(result), so_far.log_bytes + sum(one.log_bytes for one in result))
            if begin + _JOBS_A_STEP < len(keys):
                self.forget(keys, done, so_far=now, begin=begin + _JOBS_A_STEP)
            else:
                done(now)

        self._store.submit(write, dropped)

    def take_up(self, after: AttemptKey = _FIRST) -> None:
        """Remove the log folders that an earlier run left behind; if the store cannot be read, the next run does."""
        try:
            left = leftovers(self._store, after, _LEFTOVERS_A_TURN)
        except Refused as refused:
            _log.warning("log folders that an earlier run left behind are removed after the next start of this worker: %s", refused)
            return
        if left:
            self._discard([Run(*one) for one in left], lambda: self.take_up(left[-1].key))

    def _discard(self, runs: Sequence[Run], then: Callable[[], None] | None = None) -> None:
        def discarded(gone: Sequence[Run]) -> None:
            if gone:
                self._store.submit(LogsGone([run.key for run in gone]))
            if then is not None:
                then()

        if runs:
            self._engine.discard(runs, discarded)
