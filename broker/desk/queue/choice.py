"""Choose the waiting job that starts next. Pure.

The order of preference:

1. the owner with the smallest share: the largest fraction that its running jobs have of any resource of the worker (slots, memory, GPUs,
   or what the operator defined). So nobody waits behind a thousand jobs of another owner;
2. of its jobs, the one with the highest priority, which counts only among the jobs of one owner;
3. among batches with jobs of equal priority, the one that occupies the fewest slots: batches take turns. All jobs outside of batches
   count as one batch;
4. the job that was accepted first.

A job that does not fit is overtaken by jobs that do. After it was overtaken `_PASSES` times as often as there are slots, room is held for
it: no job with a worse claim starts if it takes what this one needs. Of jobs that take the same, only the first is looked at, and of one
owner at most `_DEPTH` different ones: a choice costs the same however many jobs wait. Jobs that can run on only one machine are counted
separately: the first ones are looked at like the others, and the rest is parked, that is, looked at again when that machine has room for
it, or when it was overtaken there so often that room is held for it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping

from ....schemas.naming import JobKey
from ....schemas.workers.capacity import Wants
from .heaps import Heaps
from .lanes import Lane, Line, LineHead, Owner
from .stock import Stock, Taken

# How many times as many jobs as there are slots may pass one that does not fit.
_PASSES = 4
_DEPTH = 32
# Of those that can run on one machine only; what comes behind them is parked.
_DEPTH_OF_ONE = 32

_Unfit = tuple[JobKey, Wants]
# Where the job is that was chosen: its owner, its batch, its lane, its line, and its head there.
Chosen = tuple[Owner, bytes, Lane, Line, LineHead]


class Choice:
    """Chooses the next job. `passed`: how often each job that did not fit was overtaken."""

    def __init__(self, stock: Stock, heaps: Heaps, owners: Mapping[bytes, Owner], most_of: Callable[[bytes], int]) -> None:
        """`most_of` returns how many jobs of an owner may run at once; 0: as many as there are slots."""
        self.stock = stock
        self._heaps = heaps
        self._owners = owners
        self._most_of = most_of
        self.passed: dict[JobKey, int] = {}

    def best(self) -> Chosen | None:
        """Remove the best job that fits from its heaps and return it; None if none fits."""
        if self.stock.has_woken:
            for wants in self.stock.take_woken():
                self._heaps.wake(wants)
        claims = [
            (owner.share, head.order, owner)
            for public, owner in self._owners.items()
            if (head := self._heaps.best(owner)) is not None and self.may_run_more(public, owner)
        ]
        # No two heads have the same order, as no two jobs have the same row. A priority does not count against another owner.
        heapq.heapify(claims)
        unfit: list[_Unfit] = []
        while claims:
            *_, owner = heapq.heappop(claims)
            if owner.is_stuck and not any(self.stock.fits(wants) for _, wants in owner.unfit):
                unfit += owner.unfit
                continue
            before = len(unfit)
            found = self._look(owner, unfit)
            if found is not None:
                if unfit:
                    self._count_passed(found[2].wants, unfit)
                return owner, *found
            if not any(self.holds_room(key) for key, _ in unfit):
                owner.unfit = tuple(unfit[before:])
                owner.is_stuck = True
        return None

    def _look(self, owner: Owner, unfit: list[_Unfit]) -> tuple[bytes, Lane, Line, LineHead] | None:
        """Remove the best job of an owner that can start from the heaps and return it; add better ones that do not fit to `unfit`."""
        passed: list[tuple[bytes, Lane, Line]] = []
        of_one_machine = others = 0
        found: tuple[bytes, Lane, Line, LineHead] | None = None
        holding = [wants for key, wants in unfit if self.holds_room(key)] if unfit else []
        while others < _DEPTH and (head := self._heaps.best(owner)) is not None:
            lane, line, line_head = self._heaps.take_off(owner, head)
            wants = line.wants
            fits = self.stock.fits(wants)
            if fits and (not holding or all(self.stock.leaves(wants, other) for other in holding)):
                found = head.batch_id, lane, line, line_head
                break
            if fits or not self.stock.can_watch(wants):
                others += 1
            elif of_one_machine < _DEPTH_OF_ONE:
                of_one_machine += 1
            elif not self._is_held_for(line, line_head):
                self.stock.watch(wants)
                self._heaps.park(owner, lane, head.batch_id, line)
                self._heaps.list_lane(owner, lane, head.batch_id)
                continue
            if self.stock.could_fit(wants):
                one = line.classes[-line_head.rank[0]].first()
                if one is not None:
                    unfit.append((one[1], wants))
                    if self.holds_room(one[1]):
                        holding.append(wants)
            passed.append((head.batch_id, lane, line))
            self._heaps.list_lane(owner, lane, head.batch_id)
        for batch_id, lane, line in passed:
            self._heaps.list_line(owner, lane, line)
            self._heaps.list_lane(owner, lane, batch_id)
        return found

    def _count_passed(self, taken: Wants, unfit: list[_Unfit]) -> None:
        for key, wants in unfit:
            if not self.stock.leaves(taken, wants):
                self.passed[key] = self.passed.get(key, 0) + 1

    def _is_held_for(self, line: Line, head: LineHead) -> bool:
        """Return whether room is held for the first job of a line; not for the few of a single machine, where nobody overtakes."""
        one = line.classes[-head.rank[0]].first() if self.passed else None
        return one is not None and self.holds_room(one[1])

    def count_parked(self, owner: Owner, taken: Taken, head: LineHead) -> None:
        """Count for the parked jobs of an owner that a job with a worse claim has taken the room they wait for."""
        for wants in self.stock.watched_on(taken):
            for line in self._heaps.parked(owner, wants):
                rank = self._heaps.first(line)
                one = line.classes[-rank[0]].first() if rank is not None and rank < head.rank else None
                if one is None:
                    continue
                self.passed[one[1]] = self.passed.get(one[1], 0) + 1
                if self.holds_room(one[1]):
                    self._heaps.wake(wants)

    def holds_room(self, key: JobKey) -> bool:
        """Return whether room is held for this job because it was overtaken too often."""
        return self.passed.get(key, 0) >= _PASSES * self.stock.capacity.slots

    def holds_any_room(self) -> bool:
        """Return whether room is held for any job."""
        return any(map(self.holds_room, self.passed))

    def may_run_more(self, public: bytes, owner: Owner) -> bool:
        """Return whether an owner may run another job."""
        most = self._most_of(public)
        return not most or owner.running < most
