"""Jobs that ended, but into whose pipes something may still write: they are pumped until it hangs up, or it would wait for ever.

That is noted beside the folder of the job, for whoever comes after us and our keeper: folders of jobs that ended are too many to be looked
into.
"""

from __future__ import annotations

from ...state.notes import forget_lingering, note_lingering
from ..keeper_line import KeeperLine


class Lingering:
    """All of them; its length says how many."""

    def __init__(self, line: KeeperLine, logs: str) -> None:
        self._line = line
        self._logs = logs
        self._handles: set[str] = set()

    def __len__(self) -> int:
        """Say how many there are."""
        return len(self._handles)

    def take(self, handle: str, folder: str, *, is_open: bool) -> None:
        """Take a job that ended; where nothing can write any more, as usual, the keeper is told so at once."""
        if is_open:
            self._handles.add(handle)
            note_lingering(self._logs, handle, folder)
        else:
            self._line.drained(handle)

    def hung_up(self, handle: str) -> None:
        """Tell the keeper that nobody can write into the pipes of a job any more. No effect for one that has not ended."""
        if handle in self._handles:
            self._handles.discard(handle)
            forget_lingering(self._logs, handle)
            self._line.drained(handle)


class Lingerer:
    """Owns the pumps of a job that ended before this supervisor began; it hears of their hang-up only."""

    def __init__(self, lingering: Lingering, handle: str, pipes: int) -> None:
        self._lingering = lingering
        self._handle = handle
        self._open = pipes

    def output_exceeded(self) -> None:
        """No job is there any more that could be ended for it."""

    def output_failed(self, stream: str, why: str) -> None:
        """Nobody asks any more whether its logs are whole."""

    def output_waits(self) -> None:
        """Do nothing."""

    def output_closed(self) -> None:
        """Tell when the last pipe is closed."""
        self._open -= 1
        if not self._open:
            self._lingering.hung_up(self._handle)
