"""Whether the other side still gives signs of life, for somebody who waits for it and looks on. Pure: times and counts are passed in.

A connection that was cut says nothing, and a process that hangs says nothing either; the heartbeats of ZeroMQ notice the one after half a
minute, and the other never, as they are answered by another thread. So what is quiet is asked, once after each `patience`, for something
that is answered at once. Whatever comes is a sign, not only that answer. One question is enough: nothing more is asked while it is open.

Who was suspended itself, or had other things to do, has heard nothing because it did not listen: then the wait begins anew.
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
    """What follows from a look."""

    NOTHING = enum.auto()
    # Ask for a sign of life.
    ASK = enum.auto()
    # Say that there is none.
    SILENT = enum.auto()
    # Say that there is one again.
    BACK = enum.auto()


def always() -> bool:
    """Return that somebody looks on."""
    return True


class Pulse:
    """The signs of one connection. `patience`: the seconds without a sign until that is said, and the quiet ones until it is asked."""

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
        """Return what to do now. `heard`: how many messages came so far; `waits`: there is a connection, and something to wait for on it.

        `looks_on` is asked when something is due: whether anybody would see what is said. `is_moving` is asked before anything is said:
        bytes still come or are still taken, if slowly.
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
        """Return when to look again even if nothing comes; None: never."""
        if not self._is_on or self.is_silent:
            return None
        return self._heard_at + self.patience if self._asked_at is None else self._asked_at + self._wait

    def silent_for(self, now: float) -> float:
        """Return for how many seconds nothing came."""
        return now - self._heard_at

    def _begin(self, now: float, heard: int, *, waits: bool) -> Sign:
        """Note a sign, or that none is expected: about a lost connection others speak."""
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
