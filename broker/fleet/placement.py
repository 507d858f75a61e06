"""What the workers of a broker have for jobs together, and on which of them a job is placed. Pure.

A job is chosen by the queue only if some worker that is ready has room for it, so that none waits behind a long job of one worker while
another is idle. Of those that have room, it gets the one that has least of what the job does not ask for (a GPU is kept for who needs it),
then the one that is least in use, then the first by name.

A worker in an allocation of a cluster has an end: it gets no job that would not end before. One that has no time limit is expected to take
as long as is assumed there.

A machine is a worker together with its store: a worker that comes with another store has nothing to do with the jobs of the one before.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...schemas.jobs.capacity import GPUS, MEMORY, SLOTS, Capacity, Shun, Wants, shortage
from ...schemas.jobs.worker_labels import ANYWHERE, WORKER, Where, holds, in_words
from ...schemas.text.durations import format_duration
from ..desk.queue.stock import End, Stock, Taken
from ..growth.room import Room

_NOTHING = Capacity(0)
# Workers that a sentence names.
_NAMED = 8


@dataclass(slots=True, eq=False)
class _Machine:
    """One worker: its name for people, what it has, and whether jobs may be placed there."""

    key: bytes
    name: str
    stock: Stock
    ready: bool
    # Whether it has said what it has.
    is_known: bool = False
    end: End | None = None
    # How often more became known of it: what refused a job when less was known may accept it now.
    known: int = 0

    def lasts(self, wants: Wants, now: float) -> bool:
        """Return whether such a job ends before the machine does."""
        return self.end is None or (wants.limit_seconds or self.end.assumed_seconds) <= self.end.at - now

    def is_shunned(self, wants: Wants) -> bool:
        """Return whether it has refused such a job, and nothing has changed since."""
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
        return Room(free, labels=labels) if self.end is None else Room(free, self.end.at - now, self.end.assumed_seconds, labels=labels)


class FleetStock(Stock):
    """The sum over all machines; what is asked of a job is asked of each machine alone."""

    places_jobs = True

    def __init__(self, now: Callable[[], float] = lambda: 0.0) -> None:
        """`now`: seconds, on the scale of the ends of machines."""
        super().__init__(_NOTHING)
        self._now = now
        self._machines: dict[bytes, _Machine] = {}
        self._ready: list[_Machine] = []

    def change(self, capacity: Capacity) -> None:
        """Do nothing: what there is for jobs is that of the workers."""

    def timed(self, wants: Wants, limit_ms: int | None) -> Wants:
        """Return what a job with this time limit takes: how long it may run decides where."""
        return wants._replace(limit_seconds=math.ceil(limit_ms / 1000)) if limit_ms else wants

    def rooms(self) -> Sequence[Room]:
        """Return what is free on each machine that is ready."""
        now = self._now()
        return [one.room(now) for one in self._ready]

    def shun(self, machine: bytes) -> Shun:
        """Return what keeps a job from a machine that has refused it."""
        known = self._machines.get(machine)
        return Shun(machine, known.known if known else 0)

    def renew_machine(self, machine: bytes) -> None:
        """Let jobs that a machine has refused come to it again."""
        if (known := self._machines.get(machine)) is not None:
            known.known += 1

    def drop_machine(self, machine: bytes) -> None:
        """Forget a machine that does not come back, and on which nothing runs."""
        known = self._machines.get(machine)
        if known is not None and not known.stock.is_in_use:
            del self._machines[machine]
            self._add_up()

    def set_machine(self, machine: bytes, name: str, capacity: Capacity | None, *, ready: bool, end: End | None = None) -> None:
        """Have another capacity on a machine (None: as it was), which may be a new one; jobs that run there are not affected."""
        known = self._machines.get(machine)
        if known is None:
            known = self._machines[machine] = _Machine(machine, name, Stock(_NOTHING), ready)
        if capacity is not None:
            # Jobs ask for it by the name that it has here. One without labels is older, and takes no jobs that ask for any.
            labels = tuple(sorted({**dict(capacity.labels), WORKER: name}.items())) if capacity.labels else ()
            known.stock.change(replace(capacity, labels=labels))
            known.is_known = True
        known.name, known.ready, known.end = name, ready, end
        self._add_up()

    def _add_up(self) -> None:
        self._ready = [one for one in self._machines.values() if one.ready]
        sums: Counter[str] = Counter()
        for one in self._ready:
            sums.update({SLOTS: one.stock.capacity.slots, **one.stock.capacity.totals()})
        gpus = tuple(map(str, range(sums.pop(GPUS, 0))))
        slots, memory = sums.pop(SLOTS, 0), sums.pop(MEMORY, 0)
        super().change(Capacity(slots, memory, gpus, tuple(sorted(sums.items()))))

    @property
    def free_slots(self) -> int:
        """How many slots are free on the machines that are ready."""
        return sum(max(0, one.stock.free_slots) for one in self._ready)

    def free(self, name: str) -> int:
        """Return how much of something is free on them."""
        return sum(max(0, one.stock.free(name)) for one in self._ready)

    def used(self, name: str) -> int:
        """Return how much of something is in use on all machines, also on those that cannot be reached."""
        return sum(one.stock.used(name) for one in self._machines.values())

    def used_on(self, machine: bytes) -> int:
        """Return how many slots are in use on one machine."""
        known = self._machines.get(machine)
        return known.stock.used_slots if known else 0

    def fits(self, wants: Wants) -> bool:
        """Return whether one machine that is ready has room."""
        now = self._now()
        return any(one.fits(wants, now) for one in self._ready)

    def could_fit(self, wants: Wants) -> bool:
        """Return whether one machine where the job may run has so much at all, and for so long."""
        now = self._now()
        return any(one.could_fit(wants, now) for one in self._machines.values())

    def never_fits(self, wants: Wants) -> str:
        """Return why such a job cannot run on any worker that was ever connected; empty if it can, or none was.

        Whatever labels it asks for: a worker that has them may still join.
        """
        wants = wants._replace(where=ANYWHERE, shuns=())
        if not self._machines or self.could_fit(wants):
            return ""
        if long_enough := self._why_too_long(wants):
            return long_enough
        if len(self._machines) == 1:
            return shortage(wants, next(iter(self._machines.values())).stock.capacity)
        return f"no worker has so much: {shortage(wants, self._largest())}"

    def _why_too_long(self, wants: Wants) -> str:
        """Return that a job fits only where it takes too long; empty if it fits nowhere."""
        able = [one for one in self._machines.values() if one.end is not None and (not one.is_known or one.stock.could_fit(wants))]
        if not able:
            return ""
        left = max(one.end.at - self._now() for one in able if one.end is not None)
        takes = f"it may run for {format_duration(wants.limit_seconds)}" if wants.limit_seconds else "it has no time limit"
        return f"{takes}, and the worker that could run it the longest ends in {format_duration(max(0, left))}"

    def why_nowhere(self, wants: Wants) -> str:
        """Return why none of the machines that are known may run such a job, or can now; empty if one will when it has room."""
        if wants.shuns and not self.could_fit(wants) and self.could_fit(wants._replace(shuns=())):
            return "every worker that could run it has refused it"
        if wants.where is ANYWHERE:
            return ""
        known = [one for one in self._machines.values() if one.is_known]
        allowed = [one for one in known if holds(wants.where, one.stock.capacity.labels)]
        if not allowed:
            return f"{self._unlabelled(wants.where, known)}; workers: {_names(known)}"
        able = [one for one in allowed if one.stock.could_fit(wants)]
        if not able:
            return f"no worker with {in_words(wants.where)} has so much: {shortage(wants, allowed[0].stock.capacity)}"
        if not any(one.ready for one in able):
            return f"what it may run on can take no jobs now: {_names(able)}"
        return ""

    @staticmethod
    def _unlabelled(where: Where, known: Sequence[_Machine]) -> str:
        for term in where.on:
            if not any(holds(Where(on=(term,)), one.stock.capacity.labels) for one in known):
                return f"no worker has the label {term}"
        for term in where.not_on:
            if not any(holds(Where(not_on=(term,)), one.stock.capacity.labels) for one in known):
                return f"no worker is without the label {term}"
        return f"no worker fits all of {in_words(where)}"

    def lacks(self, wants: Wants) -> str:
        """Return what such a job waits for: room on that of its machines where it will probably have it first."""
        now = self._now()
        able = [one for one in self._ready if one.could_fit(wants, now)]
        if not able:
            others = [one for one in self._machines.values() if one.could_fit(wants, now)]
            return f"a worker that has so much: {_names(others)} can take no jobs now"
        nearest = max(able, key=lambda one: one.stock.free_slots)
        return f"{nearest.stock.lacks(wants)} on {nearest.name}" + (f", and less on {_others(len(able) - 1)}" if len(able) > 1 else "")

    def _largest(self) -> Capacity:
        return max((one.stock.capacity for one in self._machines.values()), key=lambda one: one.slots)

    def leaves(self, taken: Wants, other: Wants) -> bool:
        """Return whether room can be held for another job: on the machine where it will probably have it first."""
        place = self._choose(taken)
        held = max((one for one in self._ready if one.stock.could_fit(other)), key=lambda one: one.stock.free_slots, default=None)
        return place is None or self._machines[place] is not held or held.stock.leaves(taken, other)

    def take(self, wants: Wants) -> Taken:
        """Take so much on the machine where the job is placed. Raises LookupError if it does not fit."""
        machine = self._choose(wants)
        if machine is None:
            raise LookupError("no machine has room")
        # Which GPUs it gets is decided by the worker.
        self._machines[machine].stock.take(wants)
        return Taken(machine=machine)

    def take_again(self, wants: Wants, taken: Taken) -> None:
        """Take what a job has that is found running; the machine may not have been connected again yet."""
        if taken.machine not in self._machines:
            self.set_machine(taken.machine, "", None, ready=False)
        self._machines[taken.machine].stock.take(wants)

    def put_back(self, wants: Wants, taken: Taken) -> None:
        """Take it back."""
        self._machines[taken.machine].stock.put_back(wants, taken)

    def why_closed(self) -> str:
        """Return why nothing can start at all."""
        if self._ready:
            return ""
        names = sorted({one.name for one in self._machines.values() if one.name})
        return f"no worker is ready: {', '.join(names)} can take no jobs now" if names else "no worker has joined yet"

    def _choose(self, wants: Wants) -> bytes | None:
        """Return the machine on which such a job is placed; None if none has room."""
        asked = {name for name, _ in wants.others}
        now = self._now()

        def cost(machine: bytes) -> tuple[int, float, str, bytes]:
            one = self._machines[machine]
            unasked = sum(1 for name, total in one.stock.capacity.totals().items() if name != MEMORY and total and name not in asked)
            return unasked, one.stock.used_slots / max(1, one.stock.capacity.slots), one.name, machine

        return min(
            (machine for machine, one in self._machines.items() if one.ready and one.fits(wants, now)),
            key=cost,
            default=None,
        )


def _names(machines: Sequence[_Machine]) -> str:
    names = sorted({one.name for one in machines if one.name})
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _others(count: int) -> str:
    return "1 other" if count == 1 else f"{count} others"
