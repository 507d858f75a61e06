"""When jobs ran: which could have used which slot, and how many ran at a time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import accumulate
from typing import NamedTuple


class Bar(NamedTuple):
    """When a job ran, in microseconds; `end` is not before `start`."""

    start: int
    end: int


def lanes(bars: Sequence[Bar]) -> list[int]:
    """Return the lane of each bar, from 0: bars of one lane do not overlap, and there are as few lanes as possible."""
    found = [0] * len(bars)
    free: list[int] = []
    busy: list[tuple[int, int]] = []
    made = 0
    for position in sorted(range(len(bars)), key=lambda position: bars[position]):
        bar = bars[position]
        while busy and busy[0][0] <= bar.start:
            heappush(free, heappop(busy)[1])
        if free:
            lane = heappop(free)
        else:
            lane, made = made, made + 1
        found[position] = lane
        heappush(busy, (bar.end, lane))
    return found


def busy_slots(bars: Sequence[Bar], begin: int, end: int, parts: int) -> list[float]:
    """Return how many bars there were on average in each of this many equal parts of a time span, which contains all bars."""
    if end <= begin:
        return [0.0] * parts
    part = (end - begin) / parts
    # Full parts by where they begin and end, and what is left of the first and the last.
    steps = [0] * (parts + 1)
    pieces = [0.0] * parts
    for bar in bars:
        first = min(parts - 1, int((bar.start - begin) / part))
        last = min(parts - 1, int((bar.end - begin) / part))
        if first == last:
            pieces[first] += bar.end - bar.start
            continue
        pieces[first] += begin + (first + 1) * part - bar.start
        pieces[last] += bar.end - (begin + last * part)
        steps[first + 1] += 1
        steps[last] -= 1
    return [full + piece / part for full, piece in zip(accumulate(steps), pieces, strict=False)]
