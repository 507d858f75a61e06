"""A worker's capacity for the jobs of its broker: everything except what other jobs use, as far as it is offered. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ...schemas.generated import request_pb2
from ...schemas.workers.capacity import SLOTS, Wants
from ..desk.queue.stock import Stock
from ..health.condition import describe_stock


def offered(stock: Stock, own: Iterable[Wants], slots: int, lent: int = 0) -> list[request_pb2.Stock]:
    """Return the capacity to report. `own`: what the broker's jobs use. `slots`: how many are offered; 0: all.

    Other jobs use offered slots last. `lent`: how many slots of the broker's jobs others may use; the broker counts them as in use, so they
    are added.
    """
    mine: Counter[str] = Counter()
    for wants in own:
        mine[SLOTS] += wants.slots
        mine.update(dict(wants.others))
    told = describe_stock(stock)
    for one in told:
        left = max(0, one.total - one.used)
        if one.name == SLOTS and slots:
            one.total = min(one.total, slots)
        if one.name == SLOTS:
            one.total += lent
        left = min(left, max(0, one.total - mine[one.name]))
        one.others = max(0, one.total - mine[one.name] - left)
        # That of its own jobs the broker knows.
        one.used = 0
    return told
