"""Whether the other threads of this process have much to do, for one whose work can wait."""

from __future__ import annotations

import time


class OtherThreads:
    """Those of the process but the one that makes this, and calls it."""

    def __init__(self) -> None:
        self._own, self._all = time.thread_time(), time.process_time()

    def are_busy(self) -> bool:
        """Return whether they have used more processor time than this one since the last call.

        Not compared with the time that has passed: where all processors are busy, a thread with much to do gets little of it.
        """
        own, everything = time.thread_time(), time.process_time()
        own_share, of_all = own - self._own, everything - self._all
        self._own, self._all = own, everything
        return of_all - own_share > own_share
