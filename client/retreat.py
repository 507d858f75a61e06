"""When to come again, for a connection that was one too many for the daemon. Pure: time is passed in."""

from __future__ import annotations

_FIRST_SECONDS = 0.1
_LONGEST_SECONDS = 2.0


class Retreat:
    """Longer after each time in a row. `until`: when the next attempt is due; None: at once.

    `share`, from 0 to 1, is another one in each process, so that not all of those that wait come again at the same moment.
    """

    __slots__ = ("_share", "_times", "until")

    def __init__(self, share: float) -> None:
        self._share = share
        self._times = 0
        self.until: float | None = None

    def begin(self, now: float) -> bool:
        """Note that the daemon sent us away; say whether that is the first time in a row."""
        longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2**self._times)
        self.until = now + longest * (1 + self._share) / 2
        self._times += 1
        return self._times == 1

    def lasts(self, now: float) -> bool:
        """Say whether it is too early to come again."""
        if self.until is not None and now >= self.until:
            self.until = None
        return self.until is not None

    def end(self) -> None:
        """Note that the daemon let us in."""
        self._times = 0
