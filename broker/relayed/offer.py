"""What a worker has for the jobs of its broker: all but what other jobs have, as far as it is offered. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ...schemas.generated import request_pb2
from ...schemas.workers.capacity import SLOTS, Wants
from ..desk.queue.stock import Stock
from ..health.condition import describe_stock


def offered(stock: Stock, own: Iterable[Wants], slots: int, lent: int = 0) -> list[request_pb2.Stock]:
    """Return what a broker is told. `own`: what its jobs have here. `slots`: how many are offered, which other jobs use last; 0: all.

    `lent`: how many slots of its jobs others may use, which it counts as in use: so there are more.
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
