"""Jobs that wait for jobs which they started: until they resume, others may use their slots. Pure.

A loan lasts while the watch is open, that is, while a command of the job waits; a command that reconnects watches again. After a restart of
the worker, nothing is lent until then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ...schemas.naming import AttemptKey, JobKey, short_id
from ...schemas.workers.capacity import GPUS, MEMORY, Capacity, Wants, amount_text, shortage
from .job import Job
from .life import WITH_ENGINE

# So many jobs can have started each other, one the next: a person starts the first.
MOST_LEVELS = 8


@dataclass(slots=True, eq=False)
class Loans:
    """Which attempts wait for which unended jobs."""

    waiting: dict[AttemptKey, Counter[JobKey]] = field(default_factory=dict)
    _awaited: dict[JobKey, set[AttemptKey]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many jobs wait for others."""
        return len(self.waiting)

    def begin(self, outer: AttemptKey, inner: Iterable[JobKey]) -> bool:
        """Note that a command of an attempt waits for jobs; return whether the attempt waits now and did not before."""
        awaited = self.waiting.get(outer)
        is_new = awaited is None
        awaited = Counter() if awaited is None else awaited
        for key in inner:
            awaited[key] += 1
            self._awaited.setdefault(key, set()).add(outer)
        if not awaited:
            return False
        self.waiting[outer] = awaited
        return is_new

    def end(self, outer: AttemptKey, inner: Iterable[JobKey]) -> bool:
        """Note that the command no longer waits for these; return whether the attempt now waits for none, and did before."""
        awaited = self.waiting.get(outer)
        if awaited is None:
            return False
        for key in inner:
            # One that has ended is not waited for any more.
            if key not in awaited:
                continue
            awaited[key] -= 1
            if not awaited[key]:
                del awaited[key]
                self._forget(outer, key)
        return self._is_over(outer)

    def ended(self, inner: JobKey) -> list[AttemptKey]:
        """Note that a job has ended for good; return the attempts that no longer wait for any job."""
        over = []
        for outer in self._awaited.pop(inner, ()):
            del self.waiting[outer][inner]
            if self._is_over(outer):
                over.append(outer)
        return over

    def drop(self, outer: AttemptKey) -> None:
        """Forget what an attempt waits for, because it has ended."""
        for key in self.waiting.pop(outer, ()):
            self._forget(outer, key)

    def _is_over(self, outer: AttemptKey) -> bool:
        if self.waiting[outer]:
            return False
        del self.waiting[outer]
        return True

    def _forget(self, outer: AttemptKey, inner: JobKey) -> None:
        outers = self._awaited[inner]
        outers.discard(outer)
        if not outers:
            del self._awaited[inner]


def starters(owner: bytes, job: bytes | None, live: Mapping[JobKey, Job]) -> Iterator[Job]:
    """Iterate over a job and those that started it, each one's starter next, as far as they run. None: nothing."""
    for _ in range(MOST_LEVELS + 1):
        found = live.get(JobKey(owner, job)) if job else None
        if found is None or found.attempt.phase not in WITH_ENGINE:
            return
        yield found
        job = found.started_by


def why_never(wants: Wants, waiting: Iterable[Job], capacity: Capacity) -> str:
    """Return in words why a job that takes this cannot start while those that started it wait for it; empty if it can.

    They lend their slots and keep everything else: memory, GPUs, resources, and the name of which only one runs.
    """
    if not (wants.others or wants.only_one):
        return ""
    kept: Counter[str] = Counter()
    keepers: list[Job] = []
    for one in waiting:
        if wants.only_one and one.wants.only_one == wants.only_one:
            return f"only one {wants.only_one!r} runs at once, and job {short_id(one.key.id)}, which started it, is that one until it ends"
        if any(one.wants.amount(name) for name, _ in wants.others):
            kept.update(dict(one.wants.others))
            keepers.append(one)
    names = [name for name, _ in wants.others if kept[name]]
    if not names or not shortage(wants, _less(capacity, kept)) or shortage(wants, capacity):
        return ""
    wanted, held = (" and ".join(amount_text(name, amount(name)) for name in names) for amount in (wants.amount, kept.__getitem__))
    if len(keepers) == 1:
        return f"it takes {wanted}, and job {short_id(keepers[0].key.id)}, which started it, keeps {held} until it ends"
    return f"it takes {wanted}, and the {len(keepers)} jobs that started each other down to it keep {held} until they end"


def _less(capacity: Capacity, kept: Mapping[str, int]) -> Capacity:
    return Capacity(
        capacity.slots,
        max(0, capacity.memory_bytes - kept.get(MEMORY, 0)),
        capacity.gpus[kept.get(GPUS, 0) :],
        tuple((name, max(0, amount - kept.get(name, 0))) for name, amount in capacity.resources),
    )
