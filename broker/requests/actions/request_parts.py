"""The jobs of a request that is carried out in parts, so that other requests need not wait for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from ...jobs.job import Job
from ..call import Call

# Jobs that are recorded together: a few milliseconds of work for the desk and its store.
_JOBS_A_PART = 50
# Few: everything that is submitted during a commit goes into the next one, in one piece for which everybody waits.
_PARTS_AT_ONCE = 2


class Parts:
    """`record` is called with each part, and calls back when it is durable; `done` is called when all of them are."""

    def __init__(
        self, call: Call, jobs: Sequence[Job], record: Callable[[Sequence[Job], Callable[[], None]], None], done: Callable[[], None]
    ) -> None:
        self._call = call
        self._jobs = jobs
        self._record = record
        self._done = done
        self._waiting: Iterator[Sequence[Job]] = iter(())
        self._unrecorded = 0

    def begin(self) -> None:
        """Record the first parts; the others follow even if the client is gone."""
        parts = [self._jobs[at : at + _JOBS_A_PART] for at in range(0, len(self._jobs), _JOBS_A_PART)]
        self._waiting = iter(parts)
        self._unrecorded = len(parts)
        if not parts:
            self._done()
        self._record_next()
        for _ in range(_PARTS_AT_ONCE - 1):
            self._call.later(self._record_next)

    def _record_next(self) -> None:
        for part in islice(self._waiting, 1):
            self._record(part, self._recorded)

    def _recorded(self) -> None:
        self._unrecorded -= 1
        if self._unrecorded:
            self._call.later(self._record_next)
        else:
            self._done()
