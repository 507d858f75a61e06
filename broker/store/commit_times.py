"""Whether the latest commits of a store were fast. Knows no store and no clock."""

from __future__ import annotations

from collections import deque

# One that was long says little about the disk: another program may have had the processor.
_REMEMBERED = 8
# The shortest job ends about so long after its start is told that a commit of this length is over when its end is to be written. With
# commits of 0.7 and of 1.1 ms, ends were told 6 % sooner than if they are recorded together with their starts.
_SHORT_SECONDS = 0.001


class CommitTimes:
    """The last commits."""

    def __init__(self) -> None:
        self._short: deque[bool] = deque(maxlen=_REMEMBERED)

    def note(self, seconds: float) -> None:
        """Note how long a commit took."""
        self._short.append(seconds < _SHORT_SECONDS)

    @property
    def are_short(self) -> bool:
        """Return whether most of the latest ones were; False while there are too few to tell."""
        return sum(self._short) > _REMEMBERED // 2
