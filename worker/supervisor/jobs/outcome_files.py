"""Write the outcomes of jobs: at once, or if the disk is full, as soon as there is space."""

from __future__ import annotations

from collections.abc import Callable

from ...keeper.light_process import say
from ...state.log_folders.outcomes import write_outcome
from ...state.small_files import DISK_FULL, RETRY_SECONDS
from ..loop import Loop


class OutcomeFiles:
    """The outcome files of all jobs; its length is the number that wait for disk space."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._waiting: set[str] = set()

    def __len__(self) -> int:
        """Return how many wait for disk space."""
        return len(self._waiting)

    def write(self, handle: str, folder: str, text: str) -> bool:
        """Write an outcome; return False if the disk is full."""
        try:
            write_outcome(folder, text)
        except OSError as error:
            if error.errno in DISK_FULL:
                return False
            # For example, somebody removed the folder. The fact is reported nevertheless.
            say(f"the outcome of {handle} could not be written: {error}")
        return True

    def write_later(self, handle: str, folder: str, text: str, then: Callable[[], None]) -> None:
        """Write an outcome as soon as there is disk space, and then call `then`."""

        def again() -> None:
            if self.write(handle, folder, text):
                self._waiting.discard(handle)
                then()
            else:
                self._loop.after(RETRY_SECONDS, again)

        self._waiting.add(handle)
        self._loop.after(RETRY_SECONDS, again)
