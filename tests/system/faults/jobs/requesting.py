"""A random stream of what clients request: jobs alone and in batches, again under the same ids, and stops."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from drawing import as_run, kind_of, wish
from orders import HIDING, Deed, Order

# Of which some wait for others or for a time.
_MOST_AT_ONCE = 18
GROUPS = ("red", "blue", "green")
# Of jobs, that do something to themselves first; and that end with carriage returns.
_ODD = 0.1
_MOST_LOG_BYTES = 150_000_000
_REMEMBERED = 100


class Taker(Protocol):
    """Who passes requests on to clients, and knows what became of them."""

    def submit(self, *orders: Order, by: int = 0, batch: bytes = b"") -> None: ...

    def stop(self, order: Order, *, by: int = 0) -> None: ...

    def outstanding(self) -> int: ...

    def is_acknowledged(self, order: Order) -> bool: ...

    def has_ended(self, order: Order) -> bool: ...


class Requests:
    """Everything is drawn from `draw`. `oddities`: of orders.py; `wish`: draws what a job asks beside its start."""

    def __init__(
        self,
        draw: random.Random,
        taker: Taker,
        clients: int,
        *,
        deeds: Collection[Deed] = Deed,
        oddities: Sequence[str] = ("",),
        elsewhere: str = "",
        wish: Callable[..., dict[str, Any]] = wish,
    ) -> None:
        self._draw = draw
        self._taker = taker
        self._clients = clients
        self._deeds = {deed: weight for deed, weight in zip(Deed, (90, 5, 5, 3), strict=True) if deed in deeds}
        self._oddities = oddities
        self._elsewhere = elsewhere
        self._wish = wish
        self._log_bytes = 0
        self._sent: list[tuple[int, list[Order], bytes]] = []
        self.asked: Counter[str] = Counter()

    def submit(self, *, batch: bool) -> bool:
        """Request a job, or a few in a batch; return False if there are many already."""
        if self.are_many:
            return False
        by = self._draw.randrange(self._clients)
        count = self._draw.randint(2, 4) if batch else 1
        self.send([self._one(by) for _ in range(count)], by=by, batch=batch)
        return True

    @property
    def are_many(self) -> bool:
        return self._taker.outstanding() >= _MOST_AT_ONCE

    def send(self, orders: list[Order], *, by: int, batch: bool = False) -> None:
        """Request these."""
        run = self._draw.randbytes(16) if batch else b""
        if batch:
            orders = as_run(self._draw, orders, run.hex())
        self._log_bytes += sum(2 * order.log_bytes for order in orders)
        self._sent.append((by, orders, run))
        del self._sent[:-_REMEMBERED]
        self._taker.submit(*orders, by=by, batch=run)

    def resend(self) -> bool:
        """Request again what was requested a short while ago, if anything was."""
        if self._sent:
            by, orders, batch = self._draw.choice(self._sent[-20:])
            self._taker.submit(*orders, by=by, batch=batch)
        return bool(self._sent)

    def stop(self) -> bool:
        """Stop one of the last jobs, if one has not ended."""
        open_orders = [(by, order) for by, order in self.recent() if not self._taker.has_ended(order)]
        if open_orders:
            by, order = self._draw.choice(open_orders)
            self._taker.stop(order, by=by)
        return bool(open_orders)

    def recent(self) -> list[tuple[int, Order]]:
        """Return the jobs that were requested last, and by which client."""
        return [(by, order) for by, orders, _ in self._sent[-10:] for order in orders]

    def _one(self, by: int) -> Order:
        draw = self._draw
        deed = draw.choices(list(self._deeds), list(self._deeds.values()))[0]
        fields = {"deed": deed, "status": draw.choice([0, 0, 0, 1, 3, 77, 255]), "label": draw.choice(GROUPS)}
        shape = draw.random()
        if shape < 0.5:  # half of them are short
            fields |= {"rounds": draw.randint(0, 2), "lines": draw.randint(1, 10)}
        elif shape < 0.8 or self._log_bytes > _MOST_LOG_BYTES:
            fields |= {"rounds": draw.randint(1, 8), "lines": draw.randint(1, 200), "pause": round(draw.uniform(0.02, 0.3), 3)}
        else:
            fields |= {"rounds": draw.randint(1, 5), "lines": draw.randint(1000, 10_000)}
        if draw.random() < _ODD:
            fields |= {"oddity": draw.choice(self._oddities), "cgroup": self._elsewhere}
        if draw.random() < _ODD:
            fields["returns"] = 0 if fields.get("oddity") in HIDING else draw.randint(1, 20_000)
        kind = kind_of(draw)
        if kind and deed is Deed.EXIT and fields.get("oddity") not in HIDING:
            owner = "others" if by else "admin"
            known = [order for other, orders, _ in self._sent[-12:] if bool(other) == bool(by) for order in orders]
            known = [order for order in known if self._taker.is_acknowledged(order)]
            fields |= (asked := self._wish(draw, kind, owner, known, fields["status"]))
            self.asked[kind] += bool(asked)
        return Order(draw.randbytes(16).hex(), **fields)
