"""How many jobs wait, stand aside and run, and what these take: in all, of each owner, of each lane, and of each line.

These are counted here and nowhere else: each method changes all that depend on it, so that none can be changed without the others. Counts
that are made anew for each question would make a job cost more, the more of them wait.
"""

from __future__ import annotations

from .lanes import Line, Owner, Place
from .stock import Stock


class Tally:
    """The counts of one queue. `times` is 1 when something begins to be so, and -1 when it no longer is."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock
        self.running = 0
        # How many jobs could start if there were room, and the slots that they take; and how many are set aside.
        self.waiting = 0
        self.waiting_slots = 0
        self.aside = 0

    def is_here(self, place: Place, times: int = 1) -> None:
        """Count a job of its lane, whatever it does."""
        place.lane.jobs += times

    def waits(self, place: Place, line: Line, times: int = 1) -> None:
        """Count a job that could start if there were room, in its line; it has the rank with which it was counted."""
        priority = -place.rank[0] if place.rank else 0
        if times > 0:
            place.owner.enter(priority)
        else:
            place.owner.leave(priority)
        line.waiting += times
        self.waiting += times
        self.waiting_slots += times * place.wants.slots

    def is_aside(self, place: Place, times: int = 1) -> None:
        """Count a job that waits in no line."""
        place.owner.aside += times
        self.aside += times

    def runs(self, place: Place, times: int = 1) -> None:
        """Count a job that has what it takes."""
        place.lane.running += times
        place.lane.slots += times * place.wants.slots
        place.owner.occupy(place.wants, times)
        self.running += times
        self.weigh(place.owner)

    def lends(self, place: Place, times: int = 1) -> None:
        """Count a job that runs, whose slots others may use."""
        place.owner.lend(place.wants, times)
        self.weigh(place.owner)

    def weigh(self, owner: Owner) -> None:
        """Compute anew which part of everything an owner has."""
        owner.share = self._stock.share(owner.slots, owner.used)
