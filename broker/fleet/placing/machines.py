"""The machines of a broker, sorted so that the best one for a job is found without iterating over all. Pure.

Machines that have the same kinds of resources, and about as much of them free, are in one list, sorted by how much of them is in use: for
most jobs, the first of a list is the best one, and lists in which none can be are skipped. A job that asks for a label that few machines
have is placed among those.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ....schemas.workers.capacity import GPUS, MEMORY, NOBODYS, SLOTS, Shun, Wants
from ....schemas.workers.labels import ANYWHERE, HOST, WORKER
from ...desk.queue.stock import End, Stock, Taken
from ...growth.room import Room

# A label is looked up if it leaves at most one of so many machines.
_FEW = 8

# What has no room: so much is remembered, so much of what names one machine, and so much of what names any: there may be no such machines.
_MOST_UNFIT = 1000
_MOST_OF_ONE = 256
_MOST_NAMED = 50_000
_NAMES = (f"{WORKER}=", f"{HOST}=")

# How much of a machine is in use, its name, and its key: the smallest is the best of its kind.
_Rank = tuple[float, str, bytes]
_NONE: frozenset[str] = frozenset()


class _Group(NamedTuple):
    """Machines with the same kinds of resources, the same of these partly free, and about the same number of free slots.

    `slots_bits`: the bit length of the number of free slots. A group that cannot have as much as requested is skipped.
    """

    kinds: tuple[str, ...]
    slots_bits: int
    free: frozenset[str]

    def may_have(self, slots: int, names: frozenset[str]) -> bool:
        """Return whether one of these machines may have this many free slots, and some of each of these resources."""
        return slots < 1 << self.slots_bits and names <= self.free


class Unfit:
    """Requests for which no machine has room. One that names a machine is kept for that machine: no other can change it."""

    def __init__(self) -> None:
        self._by_machine: dict[str, dict[Wants, None]] = {}
        self._named = 0
        # The others are only remembered, and not all of them: each machine that gets room is asked about them.
        self._others: dict[Wants, None] = {}

    def __contains__(self, wants: Wants) -> bool:
        """Return whether no machine has room for such a job."""
        return wants in self._others or wants in self._by_machine.get(_machine_of(wants), ())

    def is_of_one_machine(self, wants: Wants) -> bool:
        """Return whether it is kept for a machine, and certainly remembered."""
        return wants in self._by_machine.get(_machine_of(wants), ())

    def add(self, wants: Wants) -> None:
        """Note that no machine has room for such a job."""
        term = _machine_of(wants)
        if term and self._named < _MOST_NAMED and len(self._by_machine.get(term, ())) < _MOST_OF_ONE:
            self._by_machine.setdefault(term, {})[wants] = None
            self._named += 1
            return
        if len(self._others) >= _MOST_UNFIT:
            self._others.clear()
        self._others[wants] = None

    def remove(self, wants: Wants) -> None:
        """Forget one of them."""
        if wants in self._others:
            del self._others[wants]
            return
        term = _machine_of(wants)
        kept = self._by_machine[term]
        del kept[wants]
        self._named -= 1
        if not kept:
            del self._by_machine[term]

    def of(self, terms: Sequence[str]) -> list[Wants]:
        """Return the requests that a machine with these labels may satisfy."""
        return [*self._others, *self.of_one(terms)]

    def of_one(self, terms: Sequence[str]) -> list[Wants]:
        """Return the requests that are kept for a machine with these labels."""
        return [wants for term in terms for wants in self._by_machine.get(term, ())]


def _machine_of(wants: Wants) -> str:
    """Return the label with which a job names one machine; empty if it does not."""
    return next((term for term in wants.where.on if term.startswith(_NAMES) and "," not in term), "") if wants.where is not ANYWHERE else ""


@dataclass(slots=True, eq=False)
class Machine:
    """One worker: its key with its store, its name for people, its capacity, and whether jobs may be placed there."""

    key: bytes
    name: str
    stock: Stock
    ready: bool
    # Whether it has said what it has.
    is_known: bool = False
    end: End | None = None
    # How often more became known of it: what refused a job when less was known may accept it now.
    known: int = 0
    # What others have here, that is, no jobs of this desk.
    others: Wants = NOBODYS
    # Why no jobs are placed here, as what follows `which`; empty: that is not known.
    why_closed: str = ""
    # Its place among those with room; None: it is not among them.
    listed: tuple[_Group, _Rank] | None = None
    # The terms by which it is found.
    terms: tuple[str, ...] = ()

    @property
    def is_to_come(self) -> bool:
        """Whether it stands for workers that a cluster may be asked for."""
        return self.end is not None and self.end.span_seconds > 0

    def could_be_for(self, unfit: Unfit, now: float) -> list[Wants]:
        """Return which of the requests that had room nowhere have room here."""
        if not self.ready:
            return []
        return [wants for wants in unfit.of(self.terms) if self.fits(wants, now)]

    def lasts(self, wants: Wants, now: float) -> bool:
        """Return whether such a job would end before the machine does."""
        return self.end is None or (wants.limit_seconds or self.end.assumed_seconds) <= self.end.left_seconds(now)

    def share(self, others: Wants) -> None:
        """Note what others use here, replacing what was noted before."""
        self.give_back(self.others)
        self.others = others
        self.stock.take(others)

    def give_back(self, wants: Wants) -> None:
        """Give back what a job had; which GPUs these are, only the worker knows."""
        self.stock.put_back(wants, Taken(self.stock.some_handed_out(wants.amount(GPUS))))

    def is_shunned(self, wants: Wants) -> bool:
        """Return whether it has refused such a job and nothing has changed since."""
        return bool(wants.shuns) and Shun(self.key, self.known) in wants.shuns

    def fits(self, wants: Wants, now: float) -> bool:
        """Return whether such a job has room here now."""
        return self.stock.fits(wants) and self.lasts(wants, now) and not self.is_shunned(wants)

    def could_fit(self, wants: Wants, now: float) -> bool:
        """Return whether such a job has room here when nothing else runs, as far as is known."""
        return (not self.is_known or self.stock.could_fit(wants)) and self.lasts(wants, now) and not self.is_shunned(wants)

    def room(self, now: float) -> Room:
        """Return what is free."""
        stock = self.stock
        free = {name: stock.free(name) for name in (SLOTS, *stock.capacity.totals())}
        labels = stock.capacity.labels
        if self.end is None:
            return Room(free, labels=labels)
        return Room(free, self.end.left_seconds(now), self.end.assumed_seconds, labels=labels)

    def kinds(self) -> tuple[str, ...]:
        """Return the names of its resources besides slots and memory."""
        return tuple(sorted(name for name, total in self.stock.capacity.totals().items() if name != MEMORY and total))

    def group(self, kinds: tuple[str, ...]) -> _Group:
        """Return the group to which it belongs with what is free now."""
        free = frozenset(name for name in kinds if self.stock.free(name) > 0) if kinds else _NONE
        return _Group(kinds, max(0, self.stock.free_slots).bit_length(), free)

    def rank(self) -> _Rank:
        """Return its place within its group."""
        return self.stock.used_slots / max(1, self.stock.capacity.slots), self.name, self.key


@dataclass(slots=True, eq=False)
class Order:
    """The machines that are ready and have a free slot, by group and use; and by label."""

    _groups: dict[_Group, list[_Rank]] = field(default_factory=dict)
    _machines: dict[bytes, Machine] = field(default_factory=dict)
    # Those that are ready, by `gpu` and by `gpu=a100`.
    _labels: dict[str, dict[bytes, Machine]] = field(default_factory=dict)

    def place(self, machine: Machine) -> None:
        """Put a machine where it belongs now, or leave it out."""
        self.remove(machine)
        if not machine.ready or machine.stock.free_slots <= 0:
            return
        self._list(machine, machine.kinds())
        self._machines[machine.key] = machine

    def _list(self, machine: Machine, kinds: tuple[str, ...]) -> None:
        group, rank = machine.group(kinds), machine.rank()
        machine.listed = group, rank
        insort(self._groups.setdefault(group, []), rank)

    def _unlist(self, group: _Group, rank: _Rank) -> None:
        ranks = self._groups[group]
        del ranks[bisect_left(ranks, rank)]
        if not ranks:
            del self._groups[group]

    def label(self, machine: Machine) -> None:
        """Note the changed labels of a machine; for one that is gone, none."""
        for term in machine.terms:
            having = self._labels[term]
            del having[machine.key]
            if not having:
                del self._labels[term]
        machine.terms = tuple(_terms(machine)) if machine.ready else ()
        for term in machine.terms:
            self._labels.setdefault(term, {})[machine.key] = machine

    def move(self, machine: Machine) -> None:
        """Put a machine into its place after a job has started or ended there: its kinds and labels are the same."""
        if machine.listed is None or machine.stock.free_slots <= 0:
            self.place(machine)
            return
        self._unlist(*machine.listed)
        self._list(machine, machine.listed[0].kinds)

    def remove(self, machine: Machine) -> None:
        """Remove a machine."""
        if machine.listed is None:
            return
        self._unlist(*machine.listed)
        machine.listed = None
        del self._machines[machine.key]

    def best(self, wants: Wants, now: float) -> Machine | None:
        """Return the machine on which such a job is placed; None if none has room."""
        if wants.where is not ANYWHERE and (few := self._few(wants)) is not None:
            places = ((*_place_for(wants, one), one) for one in few if one.listed is not None and one.fits(wants, now))
            return min(places, default=(None,))[-1]
        asked = {name for name, _ in wants.others}
        best: tuple[int, _Rank] | None = None
        names = frozenset(asked - {MEMORY})
        for group, ranks in self._groups.items():
            if not group.may_have(wants.slots, names):
                continue
            unasked = sum(name not in asked for name in group.kinds)
            if best is not None and unasked > best[0]:
                continue
            found = next((rank for rank in ranks if self._machines[rank[2]].fits(wants, now)), None)
            if found is not None and (best is None or (unasked, found) < best):
                best = unasked, found
        return None if best is None else self._machines[best[1][2]]

    def _few(self, wants: Wants) -> Iterable[Machine] | None:
        """Return the machines that have one of the requested labels, if these are few."""
        fewest: list[dict[bytes, Machine]] | None = None
        least = len(self._machines) // _FEW
        for term in wants.where.on:
            name, is_set, values = term.partition("=")
            having = [self._labels.get(f"{name}={value}", {}) for value in values.split(",")] if is_set else [self._labels.get(name, {})]
            count = sum(map(len, having))
            if count <= least:
                fewest, least = having, count
        return None if fewest is None else [machine for having in fewest for machine in having.values()]


def _place_for(wants: Wants, machine: Machine) -> tuple[int, _Rank]:
    """Return a sort key for a machine with room as the place of a job: the smallest is the best."""
    if machine.listed is None:
        raise LookupError("it has no room")
    group, rank = machine.listed
    asked = {name for name, _ in wants.others}
    return sum(name not in asked for name in group.kinds), rank


def _terms(machine: Machine) -> Iterator[str]:
    for name, value in machine.stock.capacity.labels:
        yield name
        yield f"{name}={value}"
