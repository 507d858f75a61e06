"""How many more jobs could run if there were more machines. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from ....schemas.workers.capacity import Wants
from .lanes import Owner


def demand(owners: Mapping[bytes, Owner], most_of: Callable[[bytes], int], jobs: int) -> Counter[Wants]:
    """Return how many waiting jobs would start at once if there were room for all, grouped by what they take; O(number of lines).

    Jobs that wait for their batch, for others of their name or level, or because their owner runs as many as it may, are left out. `jobs`:
    the total number of waiting jobs.
    """
    found: Counter[Wants] = Counter()
    for public, owner in owners.items():
        most = most_of(public)
        left = most - owner.running if most else jobs
        for lane in owner.lanes.values():
            width = lane.width - lane.running if lane.width else jobs
            for line in lane.lines.values():
                count = 0 if owner.is_closed(line.wants) else min(line.waiting, width, left)
                if line.wants.only_one:
                    count = min(count, 1)
                if count > 0:
                    found[line.wants] += count
                    width -= count
                    left -= count
    return found
