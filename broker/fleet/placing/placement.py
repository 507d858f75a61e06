"""The capacity of all workers of a broker together, and on which of them a job is placed. Pure.

The queue chooses a job only if some worker that is ready has room for it, so that no job waits behind a long one of one worker while
another worker is idle. Of the workers that have room, it gets the one that has least of what the job does not ask for (a GPU is left to
jobs that need it), then the least used, then the first by name.

A worker in an allocation of a cluster has an end: it gets no job that would run longer. A job without a time limit is expected to take as
long as the queue of the allocation assumes.

A machine is a worker together with its store: a worker that comes with another store does not have the jobs of the one before.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from ....schemas.workers.capacity import GPUS, MEMORY, NOBODYS, SLOTS, Capacity, Shun, Wants
from ....schemas.workers.labels import ANYWHERE, called, holds
from ...desk.queue.stock import End, Stock, Taken
from ...growth.room import Room
from . import mismatches
from .machines import Machine, Order, Unfit

_NOTHING = Capacity(0)
# Of so much that jobs take is remembered whether some machine could have it.
_MOST_ABLE = 10_000


class FleetStock(Stock):
    """The sum over all machines; whether a job fits is decided for each machine alone."""

    places_jobs = True

    def __init__(
        self,
        now: Callable[[], float] = lambda: 0.0,
        departed: Mapping[bytes, str] = MappingProxyType({}),
        is_member: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`now`: seconds, on the scale of the ends of machines. `departed`: the names of machines that will not come back, by their keys.

        `is_member`: whether a worker of a name exists, which may not be connected yet.
        """
        self._now = now
        self._machines: dict[bytes, Machine] = {}
        self._ready: dict[bytes, Machine] = {}
        # Those that do not come back, and whose jobs have not ended.
        self._gone: dict[bytes, Machine] = {}
        self._order = Order()
        # What the ready ones have together, and are free; the capacity is made of it when it is asked for.
        self._sums: Counter[str] = Counter()
        self._free_slots = 0
        # What was found out about what jobs take, until something changes: where one is placed; that none has room for it, until one
        # that gets some back has; whether some machine could have; and on which one room is held.
        self._chosen: tuple[Wants, Machine] | None = None
        self._unfit = Unfit()
        # Of which of these the queue is to be told.
        self._watched: dict[Wants, None] = {}
        # Of those that are watched: for which there may be room now.
        self._woken: dict[Wants, None] = {}
        self._able: dict[Wants, bool] = {}
        self._held: dict[Wants, Machine | None] = {}
        self._is_member = is_member
        super().__init__(_NOTHING)
        self.departed = departed

    def lend(self, slots: int) -> None:
        """Do nothing: the worker that has the job reports that it has more for others."""

    def change(self, capacity: Capacity) -> None:
        """Do nothing: the workers report the capacity."""

    def timed(self, wants: Wants, limit_ms: int | None) -> Wants:
        """Return what a job with this time limit takes: the limit decides where it fits."""
        return wants._replace(limit_seconds=math.ceil(limit_ms / 1000)) if limit_ms else wants

    def rooms(self) -> Sequence[Room]:
        """Return what is free on each machine that is ready."""
        now = self._now()
        return [one.room(now) for one in self._ready.values()]

    def shun(self, machine: bytes) -> Shun:
        """Return what keeps a job from a machine that has refused it."""
        known = self._machines.get(machine)
        return Shun(machine, known.known if known else 0)

    def renew_machine(self, machine: bytes) -> None:
        """Place jobs again on a machine that has refused them."""
        if (known := self._machines.get(machine)) is not None:
            known.known += 1
            self._forget()
            self._look_again(known)

    def drop_machine(self, machine: bytes) -> None:
        """Forget a machine that will not come back: from now on nothing is placed there, and nothing waits for it."""
        known = self._machines.get(machine)
        if known is None:
            return
        self._leave(known)
        known.share(NOBODYS)
        known.ready = False
        self._order.label(known)
        del self._machines[machine]
        if known.stock.is_in_use:
            # What its jobs have is given back when their ends are recorded; until then nobody waits for it.
            self._gone[machine] = known
        self._forget()

    def set_machine(
        self, machine: bytes, name: str, capacity: Capacity | None, *, ready: bool, end: End | None = None, others: Wants = NOBODYS
    ) -> None:
        """Set the capacity of a machine (None: unchanged), which may be a new one; jobs that run there are not affected.

        `others`: what others use there.
        """
        known = self._machines.get(machine)
        if known is None:
            known = self._gone.pop(machine, None) or Machine(machine, name, Stock(_NOTHING), ready=False)
            self._machines[machine] = known
        self._leave(known)
        known.share(NOBODYS)
        if capacity is not None:
            # One without labels is older, and takes no jobs that ask for any.
            known.stock.change(replace(capacity, labels=called(capacity.labels, name)))
            known.is_known = True
        known.name, known.ready, known.end, known.why_closed = name, ready, end, ""
        known.share(others)
        self._order.label(known)
        if ready:
            self._enter(known)
        self._forget()
        self._look_again(known)

    def note_closed(self, machine: bytes, why: str) -> None:
        """Note why nothing is placed on a machine."""
        if (known := self._machines.get(machine)) is not None:
            known.why_closed = why

    def could_fit_on(self, machine: bytes, wants: Wants) -> bool:
        """Return whether a job like this has room on a machine when nothing else runs there; False for an unknown machine."""
        known = self._machines.get(machine)
        return (
            known is not None and known.is_known and holds(wants.where, known.stock.capacity.labels) and known.could_fit(wants, self._now())
        )

    def _leave(self, known: Machine) -> None:
        """Leave a machine out of the sum."""
        if self._ready.pop(known.key, None) is not None:
            self._count(known, -1)
            self._order.remove(known)

    def _enter(self, known: Machine) -> None:
        self._ready[known.key] = known
        self._count(known, 1)
        self._order.place(known)

    def _count(self, known: Machine, times: int) -> None:
        capacity = known.stock.capacity
        self._free_slots += times * max(0, known.stock.free_slots)
        for name, total in ((SLOTS, capacity.slots), *capacity.totals().items()):
            self._sums[name] += times * total

    def _forget(self) -> None:
        """Drop cached results: there are other machines, or their capacity has changed."""
        self._is_summed = False
        self._chosen = None
        self._able.clear()
        self._held.clear()

    def _look_again(self, machine: Machine) -> None:
        """Drop the cached results for jobs that had room on no machine and have room on this one now."""
        for wants in machine.could_be_for(self._unfit, self._now()):
            self._unfit.remove(wants)
            if wants in self._watched:
                del self._watched[wants]
                self._woken[wants] = None
                self.has_woken = True

    def can_watch(self, wants: Wants) -> bool:
        """Return whether `watch` may be called for a job like this that has no room: it can run on only one machine."""
        return self._unfit.is_of_one_machine(wants)

    def watch(self, wants: Wants) -> None:
        """Include a job like this in `take_woken` when it has room."""
        self._watched[wants] = None

    def watched_on(self, taken: Taken) -> Sequence[Wants]:
        """Return which watched jobs would have room where a job has just taken it, if there were enough."""
        known = self._machines.get(taken.machine) if self._watched else None
        return [wants for wants in self._unfit.of_one(known.terms) if wants in self._watched] if known is not None else ()

    def take_woken(self) -> list[Wants]:
        """Return, once, which watched jobs may have room now."""
        self.has_woken = False
        woken = [*self._woken]
        self._woken.clear()
        return woken

    @property
    def capacity(self) -> Capacity:
        """The total capacity of the machines that are ready."""
        if not self._is_summed:
            sums = {name: total for name, total in self._sums.items() if total}
            gpus = tuple(map(str, range(sums.pop(GPUS, 0))))
            slots, memory = sums.pop(SLOTS, 0), sums.pop(MEMORY, 0)
            self._capacity = Capacity(slots, memory, gpus, tuple(sorted(sums.items())))
            self._is_summed = True
        return self._capacity

    @capacity.setter
    def capacity(self, capacity: Capacity) -> None:
        """Begin with a capacity."""
        self._capacity, self._is_summed = capacity, True

    @property
    def free_slots(self) -> int:
        """How many slots are free on the machines that are ready."""
        return self._free_slots

    def free(self, name: str) -> int:
        """Return how much of something is free on them."""
        return sum(max(0, one.stock.free(name)) for one in self._ready.values())

    def used(self, name: str) -> int:
        """Return how much of a resource is in use on all machines, including those that cannot be reached."""
        return sum(one.stock.used(name) for one in (*self._machines.values(), *self._gone.values()))

    def used_on(self, machine: bytes) -> int:
        """Return how many slots are in use on one machine."""
        known = self._machines.get(machine) or self._gone.get(machine)
        return known.stock.used_slots if known else 0

    def fits(self, wants: Wants) -> bool:
        """Return whether one machine that is ready has room."""
        return self._choose(wants) is not None

    def could_fit(self, wants: Wants) -> bool:
        """Return whether one machine where the job may run is large enough at all, and lasts long enough."""
        able = self._able.get(wants)
        if able is None:
            now = self._now()
            able = any(one.could_fit(wants, now) for one in self._machines.values())
            # How long a machine lasts changes by itself.
            if not any(one.end is not None for one in self._machines.values()):
                if len(self._able) >= _MOST_ABLE:
                    self._able.clear()
                self._able[wants] = able
        return able

    def never_fits(self, wants: Wants) -> str:
        """Return why a job like this cannot run on any worker that was ever connected; empty if it can, or if none was.

        Labels do not count: a worker that has them may still join.
        """
        wants = wants._replace(where=ANYWHERE, shuns=())
        if not self._machines or self.could_fit(wants):
            return ""
        return mismatches.why_on_none(wants, [*self._machines.values()], self._now())

    def why_nowhere(self, wants: Wants) -> str:
        """Return why no known machine may run a job like this, or can now; empty if one will run it when it has room."""
        if wants.shuns and not self.could_fit(wants) and self.could_fit(wants._replace(shuns=())):
            return "every worker that could run it has refused it"
        if wants.where is ANYWHERE:
            return ""
        return mismatches.why_not_where_asked(wants, [one for one in self._machines.values() if one.is_known], self._is_member)

    def lacks(self, wants: Wants) -> str:
        """Return what a job like this waits for: room on the machine where it will probably have it first."""
        now = self._now()
        if able := [one for one in self._ready.values() if one.could_fit(wants, now)]:
            return mismatches.lacks(wants, able)
        return mismatches.lacks_worker([one for one in self._machines.values() if one.could_fit(wants, now)])

    def leaves(self, taken: Wants, other: Wants) -> bool:
        """Return whether room can be held for another job: on the machine where it will probably have it first."""
        place = self._choose(taken)
        held = self._hold(other)
        return place is None or place is not held or held.stock.leaves(taken, other)

    def _hold(self, wants: Wants) -> Machine | None:
        """Return the machine on which room is held for a job like this: the one that had most free, until a job is placed there."""
        if wants not in self._held:
            now = self._now()
            able = (one for one in self._ready.values() if one.could_fit(wants, now))
            self._held[wants] = max(able, key=lambda one: one.stock.free_slots, default=None)
        return self._held[wants]

    def take(self, wants: Wants) -> Taken:
        """Take so much on the machine where the job is placed. Raises LookupError if it does not fit."""
        machine = self._choose(wants)
        if machine is None:
            raise LookupError("no machine has room")
        # Which GPUs it gets is decided by the worker.
        self._occupy(machine, wants)
        if self._held.get(wants) is machine:
            # The next one of its kind may have room elsewhere sooner.
            del self._held[wants]
        return Taken(machine=machine.key)

    def take_again(self, wants: Wants, taken: Taken) -> None:
        """Take what a job has that is found running; its machine may not have reconnected yet."""
        if taken.machine not in self._machines:
            self.set_machine(taken.machine, "", None, ready=False)
        self._occupy(self._machines[taken.machine], wants)

    def _occupy(self, machine: Machine, wants: Wants) -> None:
        free = max(0, machine.stock.free_slots)
        machine.stock.take(wants)
        self._changed(machine, max(0, machine.stock.free_slots) - free)

    def put_back(self, wants: Wants, taken: Taken) -> None:
        """Give it back."""
        machine = self._machines.get(taken.machine) or self._gone[taken.machine]
        free = max(0, machine.stock.free_slots)
        machine.give_back(wants)
        self._changed(machine, max(0, machine.stock.free_slots) - free)
        self._look_again(machine)
        if taken.machine in self._gone and not machine.stock.is_in_use:
            del self._gone[taken.machine]

    def _changed(self, machine: Machine, more_free: int) -> None:
        self._chosen = None
        if machine.ready:
            self._free_slots += more_free
            self._order.move(machine)

    def why_closed(self) -> str:
        """Return why nothing can start at all."""
        return "" if self._ready else mismatches.why_closed([one for one in self._machines.values() if one.name])

    def _choose(self, wants: Wants) -> Machine | None:
        """Return the machine on which a job like this is placed; None if none has room."""
        now = self._now()
        if self._chosen is not None and self._chosen[0] == wants and self._chosen[1].lasts(wants, now):
            return self._chosen[1]
        if wants in self._unfit:
            return None
        machine = self._order.best(wants, now)
        if machine is not None:
            self._chosen = wants, machine
            return machine
        self._unfit.add(wants)
        return None
