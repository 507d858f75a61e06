from __future__ import annotations

from collections.abc import Sequence

import pytest

from jobwire.broker.desk.queue.stock import Stock
from jobwire.broker.relayed.offer import offered
from jobwire.schemas.workers.capacity import PLAIN, Capacity, Wants


def told(stock: Stock, own: Sequence[Wants], offer: int = 0) -> dict[str, tuple[int, int]]:
    return {one.name: (one.total, one.others) for one in offered(stock, own, offer)}


@pytest.mark.parametrize(
    ("local", "own", "offer", "expected"),
    [
        (0, 0, 0, (4, 0)),
        (1, 2, 0, (4, 1)),
        (4, 0, 0, (4, 4)),
        # Two slots are for others, who use these first.
        (2, 0, 2, (2, 0)),
        (3, 0, 2, (2, 1)),
        (2, 2, 2, (2, 0)),
        (0, 2, 2, (2, 0)),
        (0, 0, 9, (4, 0)),
        # More of the broker than it is offered now.
        (0, 3, 2, (2, 0)),
    ],
)
def test_a_broker_is_told_what_is_left_for_it(local: int, own: int, offer: int, expected: tuple[int, int]) -> None:
    stock = Stock(Capacity(4))
    for _ in range(local + own):
        stock.take(PLAIN)
    assert told(stock, [PLAIN] * own, offer)["slots"] == expected


def test_what_else_others_have_is_told_by_name() -> None:
    stock = Stock(Capacity(4, 100, ("0", "1"), (("license", 3),)))
    mine = Wants(1, (("gpus", 1), ("memory", 10)))
    stock.take(mine)
    stock.take(Wants(1, (("license", 2), ("memory", 60))))
    assert told(stock, [mine]) == {"slots": (4, 1), "memory": (100, 60), "gpus": (2, 0), "license": (3, 2)}
