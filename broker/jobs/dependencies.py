"""Which jobs wait for the ends of others, and the consequences of an end. Pure: knows no store, no clock and no queue.

Consequences are returned in parts: thousands of jobs can wait for one. Whether a condition holds never changes again, so a crash between
two parts costs nothing: the store knows the edges and the ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from ...schemas.jobs.conditions import Condition, Fate, base_of, holds
from ...schemas.naming import JobKey, format_id
from .job import Job, RunKey
from .targets import FORGOTTEN, Edge, End, GroupKey, Target, end_of, title_of

_WORDS = {Condition.OK: "end well", Condition.FAILED: "fail", Condition.ANY: "end"}


class Released(NamedTuple):
    """A job no longer waits for any other job."""

    key: JobKey


class Cancelled(NamedTuple):
    """A job must not start, because of an end. `unneeded`: that end was no failure. `stops`: the job is ended even if it has started."""

    key: JobKey
    why: str
    unneeded: bool = False
    stops: bool = False


Consequence = Released | Cancelled
# The jobs that have not ended; and the same, by their runs.
Live = Mapping[JobKey, Job]
Runs = Mapping[RunKey, Mapping[JobKey, Job]]
Named = Mapping[RunKey, Mapping[str, Mapping[JobKey, Job]]]


@dataclass(slots=True, eq=False)
class Group:
    """A group that jobs wait for: how many of its jobs have not ended, and the first that has failed."""

    key: GroupKey
    left: int = 0
    failure: End | None = None

    def has(self, job: Job) -> bool:
        """Return whether a job of its run belongs to it."""
        return not job.is_finish and job.row <= self.key.upto and self.key.name in {"", job.spec.name, base_of(job.spec.name)}

    @property
    def end(self) -> End:
        """How it ended, once none of its jobs is left."""
        what = f"job {self.key.name}" if self.key.name else "job of the run"
        return self.failure or End(Fate.OK, f"no {what} has failed")


@dataclass(slots=True, eq=False)
class Dependencies:
    """The undecided edges, and the consequences that were not returned yet."""

    # By the job that waits.
    open: dict[JobKey, dict[Target, Condition]] = field(default_factory=dict)
    _dependants: dict[Target, dict[JobKey, Condition]] = field(default_factory=dict)
    # By run and name.
    _groups: dict[RunKey, dict[str, list[Group]]] = field(default_factory=dict)
    # Those that are to be told.
    due: deque[Iterator[Consequence]] = field(default_factory=deque)

    def add(self, jobs: Sequence[tuple[Job, Sequence[Edge]]], live: Live, runs: Runs, named: Named = MappingProxyType({})) -> None:
        """Add jobs that wait for others; those with an undecided condition are in `open` afterwards, and the broken ones are due.

        `named`: the jobs of `runs` by their names, so that the members of a group need not be searched for among all.
        """
        groups = self._join((edge for _, edges in jobs for edge in edges), runs, named)
        for job, edges in jobs:
            conditions: dict[Target, Condition] = {}
            broken: tuple[Target, End] | None = None
            for target, condition, known in edges:
                end = known or _end_in(live, target) if isinstance(target, JobKey) else _end_of_group(groups[target], condition)
                if end is None:
                    conditions[target] = condition
                elif not holds(condition, end.fate):
                    broken = broken or (target, end)
                    conditions[target] = condition
            if conditions:
                self.open[job.key] = conditions
            for target, condition in conditions.items():
                self._dependants.setdefault(target, {})[job.key] = condition
            if broken is not None:
                self.due.append(self._told([job.key], *broken))

    def ended(self, job: Job) -> None:
        """Note that a job has ended for good; its consequences are due."""
        if not (self._dependants or self._groups):
            return
        outcome = job.final_outcome
        if outcome is None:
            return
        self.leave(job.key)
        end = end_of(job.key.id, job.spec.name, outcome)
        if waiting := self._dependants.get(job.key):
            self.due.append(self._told(list(waiting), job.key, end))
        run = job.part_of if self._groups else None
        if run is not None and (of_run := self._groups.get(run)):
            for group in [group for name in {"", job.spec.name, base_of(job.spec.name)} for group in of_run.get(name, ())]:
                if job.row <= group.key.upto:
                    self._count(group, end, run)

    def cancel_run(self, keys: Sequence[JobKey], why: str, *, stops: bool) -> None:
        """Cancel the jobs of a run; the consequences are due."""
        self.due.append(Cancelled(key, why, stops=stops) for key in keys)

    def leave(self, key: JobKey) -> None:
        """Forget what a job waits for."""
        for target in self.open.pop(key, ()):
            if waiting := self._dependants.get(target):
                waiting.pop(key, None)
                if not waiting:
                    del self._dependants[target]

    def consequences(self, most: int) -> Iterator[Consequence]:
        """Iterate over the next consequences, at most this many, each of them once, taking turns between ends.

        So the consequences of one end do not wait for all those of another one. New ones are appended.
        """
        while self.due and most:
            one = next(self.due[0], None)
            if one is None:
                self.due.popleft()
            else:
                self.due.rotate(-1)
                most -= 1
                yield one

    def why_waiting(self, key: JobKey, live: Live) -> str:
        """Return what a job waits for, in words."""
        conditions = self.open.get(key, {})
        for target, condition in conditions.items():
            if isinstance(target, JobKey):
                other = live.get(target)
                what = title_of(target.id, other.spec.name if other is not None else "")
            else:
                group = self.group(target)
                of = f"jobs {target.name}" if target.name else f"jobs of the run {format_id(target.run)}"
                what = f"{group.left if group is not None else 0} {of}"
            more = f", and for {len(conditions) - 1} more" if len(conditions) > 1 else ""
            return f"it waits for {what} to {_WORDS[condition]}{more}"
        return "what it waited for has ended"

    def group(self, key: GroupKey) -> Group | None:
        """Return a group with unended jobs."""
        of_run = self._groups.get(RunKey(key.owner, key.run), {})
        return next((group for group in of_run.get(key.name, ()) if group.key == key), None)

    def _told(self, keys: Iterable[JobKey], target: Target, end: End) -> Iterator[Consequence]:
        for key in keys:
            conditions = self.open.get(key)
            condition = conditions.get(target) if conditions is not None else None
            if conditions is None or condition is None:
                # It has ended meanwhile, or was told already.
                continue
            if not holds(condition, end.fate):
                self.leave(key)
                yield Cancelled(key, end.why, unneeded=end.fate is not Fate.FAILED)
                continue
            del conditions[target]
            if (waiting := self._dependants.get(target)) is not None:
                waiting.pop(key, None)
                if not waiting:
                    del self._dependants[target]
            if not conditions:
                del self.open[key]
                yield Released(key)

    def _count(self, group: Group, end: End, run: RunKey) -> None:
        """Count the end of a job in a group."""
        group.left -= 1
        is_first = end.fate is Fate.FAILED and group.failure is None
        if is_first:
            group.failure = end
        waiting = self._dependants.get(group.key, {})
        if not group.left:
            self._drop(group, run)
            self.due.append(self._told(list(waiting), group.key, group.end))
        elif is_first and (strict := [key for key, condition in waiting.items() if condition is Condition.OK]):
            self.due.append(self._told(strict, group.key, end))

    def _drop(self, group: Group, run: RunKey) -> None:
        of_run = self._groups[run]
        of_run[group.key.name].remove(group)
        if not of_run[group.key.name]:
            del of_run[group.key.name]
            if not of_run:
                del self._groups[run]

    def _join(self, edges: Iterable[Edge], runs: Runs, named: Named) -> dict[Target, Group]:
        """Return the groups among the targets; new ones are counted."""
        groups: dict[Target, Group] = {}
        fresh: dict[RunKey, list[Group]] = {}
        for target, _, failure in edges:
            if isinstance(target, JobKey) or target in groups:
                continue
            known = self.group(target)
            groups[target] = known or Group(target, failure=failure)
            if known is None:
                fresh.setdefault(RunKey(target.owner, target.run), []).append(groups[target])
        for run, of_run in fresh.items():
            by_name = named.get(run)
            if by_name is None or any(not group.key.name for group in of_run):
                members: Iterable[Job] = runs.get(run, {}).values()
            else:
                members = {job.key: job for group in of_run for job in by_name.get(group.key.name, {}).values()}.values()
            self._find_members(of_run, members)
            for group in of_run:
                if group.left:
                    self._groups.setdefault(run, {}).setdefault(group.key.name, []).append(group)
        return groups

    @staticmethod
    def _find_members(groups: Sequence[Group], jobs: Iterable[Job]) -> None:
        by_name: dict[str, list[Group]] = {}
        for group in groups:
            by_name.setdefault(group.key.name, []).append(group)
        for job in jobs:
            outcome = job.final_outcome
            for group in [group for name in {"", job.spec.name, base_of(job.spec.name)} for group in by_name.get(name, ())]:
                if job.is_finish or job.row > group.key.upto:
                    continue
                if outcome is None:
                    group.left += 1
                elif outcome.is_failure and group.failure is None:
                    group.failure = end_of(job.key.id, job.spec.name, outcome)


def _end_in(live: Live, target: JobKey) -> End | None:
    """Return how a job ended, even if its end is not durable yet; None if it has not ended."""
    job = live.get(target)
    if job is None:
        return FORGOTTEN
    return end_of(target.id, job.spec.name, job.final_outcome) if job.final_outcome is not None else None


def _end_of_group(group: Group, condition: Condition) -> End | None:
    if not group.left:
        return group.end
    return group.failure if condition is Condition.OK else None
