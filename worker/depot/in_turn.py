"""Work on the folders of jobs, on threads: for one job, it is done in the order in which it was requested."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from ...schemas.naming import JobKey
from ...schemas.refusal import Refused
from .threads import Threads, nothing

_Result = TypeVar("_Result")


class InTurn:
    """The queues of all jobs. Used on the loop."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._waiting: dict[JobKey, deque[Callable[[], None]]] = {}

    def run(
        self, key: JobKey, work: Callable[[], _Result], then: Callable[[_Result], None], failed: Callable[[Refused], None] = nothing
    ) -> None:
        """Call `work` on a thread after earlier work of the job is done, then `then` with its result on the loop; see `Threads.run`."""
        waiting = self._waiting.get(key)
        begin = partial(self._threads.run, work, partial(self._done, key, then), partial(self._done, key, failed))
        if waiting is None:
            self._waiting[key] = deque()
            begin()
        else:
            waiting.append(begin)

    def _done(self, key: JobKey, then: Callable[[_Result], None], result: _Result) -> None:
        waiting = self._waiting[key]
        if waiting:
            waiting.popleft()()
        else:
            del self._waiting[key]
        then(result)
