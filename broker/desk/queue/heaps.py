"""The heaps of lanes and lines, and the first entry of each. choice.py chooses among these.

A heap has an entry for each lane of an owner, and one for each line of a lane. An entry is stale if its lane or line has a newer one:
`listed` is the valid one.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping

from ....schemas.naming import JobKey
from ....schemas.workers.capacity import Wants
from .lanes import Lane, LaneHead, Line, LineHead, Owner, Place, Rank, kinds_of

MOST_STALE = 1000


class Heaps:
    """Keeps the heaps of lanes and lines, and finds what is first in them."""

    def __init__(self) -> None:
        self.places: dict[JobKey, Place] = {}
        # Lines that are parked, by what their jobs take, and by owner and batch.
        self._parked: dict[Wants, dict[tuple[int, bytes], tuple[Owner, Lane, Line]]] = {}
        # How many entries of jobs are stale.
        self.stale = 0

    def best(self, owner: Owner) -> LaneHead | None:
        """Return the result of `first_lane`, cached as long as nothing of the owner has changed."""
        if not owner.is_head_known:
            owner.head = self.first_lane(owner)
            owner.is_head_known = True
        return owner.head

    def first_lane(self, owner: Owner) -> LaneHead | None:
        """Return the best open lane of an owner whose first job is known; None if nothing can start, whatever is free."""
        while owner.heads:
            head = owner.heads[0]
            lane = owner.lanes.get(head.batch_id)
            if lane is not None and lane.listed is head:
                if self._head_of(owner, lane, head.batch_id) == head:
                    return head
                lane.listed = None
                heapq.heappop(owner.heads)
                self.list_lane(owner, lane, head.batch_id)
            else:
                heapq.heappop(owner.heads)
        return None

    def list_lane(self, owner: Owner, lane: Lane, batch_id: bytes) -> None:
        """Push a lane into the heap of its owner if it is open and not listed at as good a place already."""
        owner.is_head_known = owner.is_stuck = False
        head = self._head_of(owner, lane, batch_id)
        if head is not None and (lane.listed is None or head < lane.listed):
            lane.listed = head
            heapq.heappush(owner.heads, head)
            self.shorten(owner)

    @staticmethod
    def shorten(owner: Owner) -> None:
        """Drop the stale entries of the lanes of an owner, if there are many."""
        if len(owner.heads) > MOST_STALE + 2 * len(owner.lanes):
            owner.heads = [one.listed for one in owner.lanes.values() if one.listed is not None]
            heapq.heapify(owner.heads)

    def park(self, owner: Owner, lane: Lane, batch_id: bytes, line: Line) -> None:
        """Keep a line, which was taken off its heap, out of it until `wake` is called for what its jobs take."""
        line.is_parked = True
        self._parked.setdefault(line.wants, {})[id(owner), batch_id] = owner, lane, line

    def parked(self, owner: Owner, wants: Wants) -> list[Line]:
        """Return the parked lines of an owner whose jobs take this."""
        return [line for found, _, line in self._parked.get(wants, {}).values() if found is owner]

    def wake(self, wants: Wants) -> None:
        """List the parked lines again whose jobs take this."""
        for (_, batch_id), (owner, lane, line) in self._parked.pop(wants, {}).items():
            line.is_parked = False
            self.list_line(owner, lane, line)
            self.list_lane(owner, lane, batch_id)

    def drop_line(self, owner: Owner, lane: Lane, batch_id: bytes, line: Line) -> None:
        """Remove an empty line."""
        del lane.lines[line.wants]
        if line.is_parked and (parked := self._parked.get(line.wants)) is not None:
            parked.pop((id(owner), batch_id), None)
            if not parked:
                del self._parked[line.wants]
        for kind in kinds_of(line.wants) if line.wants.only_one or line.wants.level else ():
            apart = owner.apart.get(kind, set())
            apart.discard((batch_id, line.wants))
            if not apart:
                owner.apart.pop(kind, None)

    def drop_lines(self, owner: Owner, lane: Lane, batch_id: bytes) -> None:
        """Remove the empty lines of a lane: their entries are all stale."""
        if lane.lines:
            self.stale -= lane.entries()
            for line in list(lane.lines.values()):
                self.drop_line(owner, lane, batch_id, line)

    def list_line(self, owner: Owner, lane: Lane, line: Line) -> None:
        """Push a line into the heap of its lane if one of its jobs can start and it is not listed with that job already."""
        if line.is_parked or ((owner.busy or owner.full) and owner.is_closed(line.wants)):
            return
        first = self.first(line)
        if first is not None and (line.listed is None or first < line.listed.rank):
            line.listed = LineHead(first, line.wants)
            heapq.heappush(lane.heads, line.listed)
            if len(lane.heads) > MOST_STALE + 2 * len(lane.lines):
                lane.heads = [one.listed for one in lane.lines.values() if one.listed is not None]
                heapq.heapify(lane.heads)

    def take_off(self, owner: Owner, head: LaneHead) -> tuple[Lane, Line, LineHead]:
        """Remove the first lane of an owner and the first line of that from their heaps, and return them."""
        owner.is_head_known = owner.is_stuck = False
        heapq.heappop(owner.heads)
        lane = owner.lanes[head.batch_id]
        lane.listed = None
        line_head = heapq.heappop(lane.heads)
        line = lane.lines[line_head.wants]
        line.listed = None
        return lane, line, line_head

    def first(self, line: Line) -> Rank | None:
        """Return the rank of the first job of a line that can start; stale entries before it are removed."""
        places = self.places
        while line.classes:
            highest = max(line.classes)
            jobs = line.classes[highest]
            # As a rule none came back to an earlier place.
            while (entry := jobs.first() if jobs.back or not jobs.line else jobs.line[0]) is not None:
                rank, key = entry
                place = places.get(key)
                # As in `_is_current`, which would be a call for each look at a line.
                if place is not None and not place.aside and place.rank is rank:
                    return rank
                jobs.take()
                self.stale -= 1
            del line.classes[highest]
        return None

    def tidy(self, owners: Mapping[bytes, Owner]) -> None:
        """Drop all stale entries."""
        for owner in owners.values():
            owner.heads.clear()
            for batch_id, lane in owner.lanes.items():
                lane.heads.clear()
                for line in list(lane.lines.values()):
                    for jobs in line.classes.values():
                        jobs.line = deque(entry for entry in jobs.line if self._is_current(*entry))
                        jobs.back = [entry for entry in jobs.back if self._is_current(*entry)]
                        heapq.heapify(jobs.back)
                    line.listed = None
                    if not line.entries():
                        self.drop_line(owner, lane, batch_id, line)
                    self.list_line(owner, lane, line)
                lane.listed = None
                self.list_lane(owner, lane, batch_id)
        self.stale = 0

    def _head_of(self, owner: Owner, lane: Lane, batch_id: bytes) -> LaneHead | None:
        if lane.width and lane.running >= lane.width:
            return None
        while lane.heads:
            head = lane.heads[0]
            line = lane.lines.get(head.wants)
            if line is not None and line.listed is head:
                if not ((owner.busy or owner.full) and owner.is_closed(head.wants)) and self.first(line) == head.rank:
                    return LaneHead(head.rank[0], lane.slots, head.rank[1], batch_id)
                line.listed = None
                heapq.heappop(lane.heads)
                self.list_line(owner, lane, line)
            else:
                heapq.heappop(lane.heads)
        return None

    def _is_current(self, rank: Rank, key: JobKey) -> bool:
        place = self.places.get(key)
        return place is not None and not place.aside and place.rank is rank
