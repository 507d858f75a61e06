"""Whether the other side still responds, for a user who waits and looks on. Pure: times and counts are passed in.

A connection that was cut is silent, and so is a process that hangs; the heartbeats of ZeroMQ detect the former after half a minute, and the
latter never, because another thread answers them. So a quiet peer is probed, once per `patience`, with a request that is answered at once.
Anything that arrives counts as a sign of life, not only that reply. One probe is enough: no other is sent while it is open.

A client that was suspended itself, or busy, has heard nothing because it did not listen: then the wait starts anew.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

# Looks come a little after they are due.
_LATE = 0.5
# A line on which signs come late again and again: each time twice as long is waited, up to so many times the patience.
_MOST = 8
# What ends so soon after it was said, in times of the patience, was perhaps only slowness; and after so many, that is forgotten.
_SHORT = 10
_FORGOTTEN = 60


class Sign(enum.Enum):
    """The result of a look."""

    NOTHING = enum.auto()
    # Ask for a sign of life.
    ASK = enum.auto()
    # Say that there is none.
    SILENT = enum.auto()
    # Say that there is one again.
    BACK = enum.auto()


def always() -> bool:
    """Return True: somebody looks on."""
    return True


class Pulse:
    """The signs of life on one connection. `patience`: the seconds of silence until that is reported, and those until a probe."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.is_silent = False
        self._is_on = False
        self._heard = 0
        self._heard_at = 0.0
        self._looked_at = 0.0
        self._asked_at: float | None = None
        self._said_at = 0.0
        self._wait = patience
        self._back_at: float | None = None

    def look(self, now: float, heard: int, *, waits: bool, is_moving: Callable[[], bool], looks_on: Callable[[], bool] = always) -> Sign:
        """Return what to do now. `heard`: how many messages have arrived; `waits`: there is a connection, and something to wait for on it.

        `looks_on` is called when something is due: whether anybody would see a report. `is_moving` is called before a report: bytes still
        arrive or are still acknowledged, if slowly.
        """
        away, self._looked_at = now - self._looked_at, now
        if heard != self._heard or not (waits and self._is_on):
            return self._begin(now, heard, waits=waits)
        due = self.due_at()
        if due is None or now < due:
            return Sign.NOTHING
        if not looks_on():
            return self._begin(now, heard, waits=True)
        if self._asked_at is None:
            self._asked_at = now
            return Sign.ASK
        if away > self._wait + _LATE * self.patience or is_moving():
            self._asked_at = now
            return Sign.NOTHING
        self.is_silent, self._said_at = True, now
        return Sign.SILENT

    def due_at(self) -> float | None:
        """Return when to look again even if nothing arrives; None: never."""
        if not self._is_on or self.is_silent:
            return None
        return self._heard_at + self.patience if self._asked_at is None else self._asked_at + self._wait

    def silent_for(self, now: float) -> float:
        """Return for how many seconds nothing has arrived."""
        return now - self._heard_at

    def _begin(self, now: float, heard: int, *, waits: bool) -> Sign:
        """Note a sign of life, or that none is expected: lost connections are reported elsewhere."""
        is_back = self.is_silent and heard != self._heard
        if is_back:
            self._note_back(now)
        elif self._back_at is not None and now > self._back_at + _FORGOTTEN * self.patience:
            self._wait, self._back_at = self.patience, None
        self._is_on, self.is_silent = waits, False
        self._heard, self._heard_at, self._asked_at = heard, now, None
        return Sign.BACK if is_back else Sign.NOTHING

    def _note_back(self, now: float) -> None:
        is_short = now - self._said_at < _SHORT * self.patience
        self._wait = min(2 * self._wait, _MOST * self.patience) if is_short else self.patience
        self._back_at = now
