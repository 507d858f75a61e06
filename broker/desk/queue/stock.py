"""The capacity of a worker, and how much of it is in use. Knows amounts, not jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ....schemas.text.sizes import format_size
from ....schemas.workers.capacity import GPUS, MEMORY, NOBODYS, SLOTS, Capacity, Shun, Wants, amount_text, shortage
from ....schemas.workers.labels import ANYWHERE, holds


class Taken(NamedTuple):
    """What a job was given: GPUs, by their ids, and the machine on which it runs (empty: the only one)."""

    gpus: tuple[str, ...] = ()
    machine: bytes = b""


NOTHING_OWN = Taken()


class End(NamedTuple):
    """When one of several machines ends, and how many seconds a job without a time limit is expected to take there.

    `span_seconds`: for a machine that is still to come, how long it will last; 0: it exists.
    """

    at: float
    assumed_seconds: float
    span_seconds: float = 0.0

    def left_seconds(self, now: float) -> float:
        """Return how many seconds it still lasts."""
        return self.span_seconds or self.at - now


class Stock:
    """The capacity, and how much of it is free. More can be in use than there is, after it was lowered."""

    # Whether a job is placed on one of several machines: which one is recorded before it starts.
    places_jobs = False

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self.used_slots = 0
        # How often what is in use has changed.
        self.changes = 0
        self._used: Counter[str] = Counter()
        self._totals = capacity.totals()
        # Which GPUs jobs have; those that the worker no longer has included.
        self._handed_out: set[str] = set()
        # The names that machines had which do not come back, by their keys.
        self.departed: Mapping[bytes, str] = {}
        # Whether `take_woken` returns something.
        self.has_woken = False

    def change(self, capacity: Capacity) -> None:
        """Set the capacity; what is in use stays in use."""
        self.capacity = capacity
        self._totals = capacity.totals()

    @property
    def free_slots(self) -> int:
        """How many slots are free; negative if more are in use than there are."""
        return self.capacity.slots - self.used_slots

    def free(self, name: str) -> int:
        """Return how much of a resource is free."""
        if name == SLOTS:
            return self.free_slots
        if name == GPUS:
            return sum(one not in self._handed_out for one in self.capacity.gpus)
        return self._totals.get(name, 0) - self._used[name]

    def used(self, name: str) -> int:
        """Return how much of a resource is in use."""
        return self.used_slots if name == SLOTS else len(self._handed_out) if name == GPUS else self._used[name]

    def fits(self, wants: Wants) -> bool:
        """Return whether this much is free, where the job may run."""
        if wants.slots > self.free_slots or (wants.where is not ANYWHERE and not holds(wants.where, self.capacity.labels)):
            return False
        return not wants.others or all(amount <= self.free(name) for name, amount in wants.others)

    def can_watch(self, wants: Wants) -> bool:
        """Return whether `watch` may be called for a job like this that has no room: it can run on only one of several machines."""
        del wants
        return False

    def watch(self, wants: Wants) -> None:
        """Include a job like this in `take_woken` when it has room. Raises TypeError: there is only one machine."""
        del wants
        raise TypeError("this stock is that of one machine")

    def watched_on(self, taken: Taken) -> Sequence[Wants]:
        """Return which watched jobs would have room where a job has just taken it, if there were enough."""
        del taken
        return ()

    def take_woken(self) -> list[Wants]:
        """Return, once, which watched jobs have room now."""
        return []

    def could_fit(self, wants: Wants) -> bool:
        """Return whether the capacity is large enough at all."""
        return not shortage(wants, self.capacity)

    def never_fits(self, wants: Wants) -> str:
        """Return why a job that takes this much cannot run even when everything is free; empty if it can."""
        return shortage(wants, self.capacity)

    def leaves(self, taken: Wants, other: Wants) -> bool:
        """Return whether after `taken`, enough would be free for another job, of everything that both take."""
        if self.free_slots - taken.slots < other.slots:
            return False
        return all(self.free(name) - taken.amount(name) >= amount for name, amount in other.others if taken.amount(name))

    def take(self, wants: Wants) -> Taken:
        """Take this much, and return exactly what was taken."""
        self.changes += 1
        self.used_slots += wants.slots
        gpus: tuple[str, ...] = ()
        for name, amount in wants.others:
            if name == GPUS:
                gpus = tuple(one for one in self.capacity.gpus if one not in self._handed_out)[:amount]
                self._handed_out.update(gpus)
            else:
                self._used[name] += amount
        return Taken(gpus)

    def take_again(self, wants: Wants, taken: Taken) -> None:
        """Take what a job has that is found running, whether or not there is enough."""
        self.changes += 1
        self.used_slots += wants.slots
        self._used.update({name: amount for name, amount in wants.others if name != GPUS})
        self._handed_out.update(taken.gpus)

    def lend(self, slots: int) -> None:
        """Count slots in use as free; negative: as in use again, whether or not there are enough."""
        self.changes += 1
        self.used_slots -= slots

    def put_back(self, wants: Wants, taken: Taken) -> None:
        """Give it back."""
        self.changes += 1
        self.used_slots -= wants.slots
        for name, amount in wants.others:
            if name != GPUS:
                self._used[name] -= amount
        self._handed_out.difference_update(taken.gpus)

    def some_handed_out(self, amount: int) -> tuple[str, ...]:
        """Return the ids of this many GPUs in use, where it does not matter which job has which."""
        return tuple(sorted(self._handed_out))[:amount] if amount else ()

    def share(self, slots: int, others: Mapping[str, int]) -> float:
        """Return the largest fraction that somebody has of any resource; a resource with a total of 0 counts as having 1."""
        share = slots / max(1, self.capacity.slots)
        for name, amount in others.items():
            if amount:
                share = max(share, amount / max(1, self._totals.get(name, 0)))
        return share

    @property
    def is_in_use(self) -> bool:
        """Whether anything is in use."""
        return bool(self.used_slots or self._handed_out or any(self._used.values()))

    def timed(self, wants: Wants, limit_ms: int | None) -> Wants:
        """Return what a job with this time limit takes; on a single machine, which has no end, the time limit does not matter."""
        del limit_ms
        return wants

    def drop_machine(self, machine: bytes) -> None:
        """Forget one of several machines. Raises TypeError: there is only one."""
        del machine
        raise TypeError("this stock is that of one machine")

    def renew_machine(self, machine: bytes) -> None:
        """Place jobs again on one of several machines that has refused them. Raises TypeError: there is only one."""
        del machine
        raise TypeError("this stock is that of one machine")

    def set_machine(
        self, machine: bytes, name: str, capacity: Capacity | None, *, ready: bool, end: End | None = None, others: Wants = NOBODYS
    ) -> None:
        """Set the capacity of one of several machines. Raises TypeError: there is only one."""
        del machine, name, capacity, ready, end, others
        raise TypeError("this stock is that of one machine")

    def note_closed(self, machine: bytes, why: str) -> None:
        """Note why nothing is placed on one of several machines. Raises TypeError: there is only one."""
        del machine, why
        raise TypeError("this stock is that of one machine")

    def why_closed(self) -> str:
        """Return why nothing can start at all; empty if something can as soon as there is room."""
        return ""

    def shun(self, machine: bytes) -> Shun:
        """Return what keeps a job from one of several machines. Raises TypeError: there is only one."""
        del machine
        raise TypeError("this stock is that of one machine")

    def why_nowhere(self, wants: Wants) -> str:
        """Return why no known machine may run a job like this; empty if one may, or if there is only one machine."""
        del wants
        return ""

    def lacks(self, wants: Wants) -> str:
        """Return in words what a job like this waits for: `2 gpus: 1 of 4 is free`; empty if it fits."""
        lacking = [(name, amount) for name, amount in ((SLOTS, wants.slots), *wants.others) if amount > self.free(name)]
        return " and ".join(f"{amount_text(name, amount)}: {self._free_text(name)}" for name, amount in lacking)

    def _free_text(self, name: str) -> str:
        total = self.capacity.slots if name == SLOTS else self._totals.get(name, 0)
        free = max(0, self.free(name))
        if name == MEMORY:
            return f"{format_size(free)} of {format_size(total)} is free"
        return f"{free or 'none'} of {total} {'is' if free <= 1 else 'are'} free"
