"""Whether the other threads of this process are busy, for a thread whose work can wait."""

from __future__ import annotations

import time


class OtherThreads:
    """All threads of the process except the one that creates and calls this."""

    def __init__(self) -> None:
        self._own, self._all = time.thread_time(), time.process_time()

    def are_busy(self) -> bool:
        """Return whether they have used more processor time than this one since the last call.

        Elapsed time would not do: if all processors are busy, even a busy thread gets little of it.
        """
        own, everything = time.thread_time(), time.process_time()
        own_share, of_all = own - self._own, everything - self._all
        self._own, self._all = own, everything
        return of_all - own_share > own_share
