"""When to retry after the worker refused one connection, stream or grant too many. Pure: time is passed in."""

from __future__ import annotations

_FIRST_SECONDS = 0.1
_LONGEST_SECONDS = 2.0


class Backoff:
    """A delay that grows with each consecutive refusal. `until`: when the next attempt is due; None: at once.

    `share`, from 0 to 1, differs between processes, so that they do not all retry at the same moment.
    """

    __slots__ = ("_times", "share", "until")

    def __init__(self, share: float) -> None:
        self.share = share
        self._times = 0
        self.until: float | None = None

    def begin(self, now: float) -> bool:
        """Note a refusal, and return whether it is the first of consecutive ones."""
        longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2**self._times)
        self.until = now + longest * (1 + self.share) / 2
        self._times += 1
        return self._times == 1

    def lasts(self, now: float) -> bool:
        """Return whether it is too early to retry."""
        if self.until is not None and now >= self.until:
            self.until = None
        return self.until is not None

    def end(self) -> None:
        """Note that there is room."""
        self._times = 0
