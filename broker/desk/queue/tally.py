"""Counts of jobs that wait, are set aside and run, and of what they take: in all, per owner, per lane and per line.

Counted here and nowhere else: each method changes all counts that depend on each other, so that none can be changed without the others.
Counting anew for each question would make a job cost more, the more jobs wait.
"""

from __future__ import annotations

from .lanes import Line, Owner, Place
from .stock import Stock


class Tally:
    """The counts of one queue. `times` is 1 when a state begins, and -1 when it ends."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock
        self.running = 0
        # How many jobs could start if there were room, and the slots that they take; and how many are set aside.
        self.waiting = 0
        self.waiting_slots = 0
        self.aside = 0

    def is_here(self, place: Place, times: int = 1) -> None:
        """Count a job of its lane, whatever its state."""
        place.lane.jobs += times

    def waits(self, place: Place, line: Line, times: int = 1) -> None:
        """Count a job in its line that could start if there were room; uncount it with the rank with which it was counted."""
        priority = -place.rank[0] if place.rank else 0
        if times > 0:
            place.owner.enter(priority)
        else:
            place.owner.leave(priority)
        line.waiting += times
        self.waiting += times
        self.waiting_slots += times * place.wants.slots

    def is_aside(self, place: Place, times: int = 1) -> None:
        """Count a job that is in no line."""
        place.owner.aside += times
        self.aside += times

    def runs(self, place: Place, times: int = 1) -> None:
        """Count a running job with what it takes."""
        place.lane.running += times
        place.lane.slots += times * place.wants.slots
        place.owner.occupy(place.wants, times)
        self.running += times
        self.weigh(place.owner)

    def lends(self, place: Place, times: int = 1) -> None:
        """Count a running job whose slots others may use."""
        place.owner.lend(place.wants, times)
        self.weigh(place.owner)

    def weigh(self, owner: Owner) -> None:
        """Recompute an owner's share of each resource."""
        owner.share = self._stock.share(owner.slots, owner.used)
