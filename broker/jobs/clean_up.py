"""Which jobs of a start clean up after others: a failure that cancels the rest of their run spares them. Pure.

A job cleans up if it waits for others of its run to fail, or to end in any way; and so does one that waits for such a job to succeed. That
is decided from what was submitted alone, so that a crash cannot change it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Sequence
from typing import NamedTuple

from ...schemas.jobs.conditions import After, Condition, base_of


class Waiter(NamedTuple):
    """A job of a start: its id, its name, and what it waits for."""

    id: bytes
    name: str
    after: Sequence[After]


class Before(NamedTuple):
    """The earlier parts of a run that arrives in parts: its jobs, those of them that clean up, and the groups that have such a job."""

    jobs: Container[bytes] = frozenset()
    clean_up: Container[bytes] = frozenset()
    groups: Container[str] = frozenset()


_NOTHING = Before()


def groups_of(name: str) -> set[str]:
    """Return the groups of its run to which a job of this name belongs."""
    return {"", name, base_of(name)}


def find_clean_up(jobs: Sequence[Waiter], run: bytes, before: Before = _NOTHING) -> frozenset[int]:
    """Return the positions of the jobs that clean up; `run`: the run that they join, `before`: its earlier parts."""
    places = {job.id: place for place, job in enumerate(jobs)}
    # By the place of a job, and by the name of a group: who waits for that to end well.
    hanging_on_job: dict[int, list[int]] = {}
    hanging_on_name: dict[str, list[int]] = {}
    found: deque[int] = deque()
    for place, job in enumerate(jobs):
        cleans_up = False
        for condition in job.after:
            target = places.get(condition.job)
            if target is None and condition.run != run and condition.job not in before.jobs:
                # Of another run, or of none.
                continue
            if condition.condition is not Condition.OK:
                cleans_up = True
            elif target is not None:
                hanging_on_job.setdefault(target, []).append(place)
            elif condition.job in before.clean_up or (condition.run == run and condition.name in before.groups):
                cleans_up = True
            elif condition.run == run:
                hanging_on_name.setdefault(condition.name, []).append(place)
        if cleans_up:
            found.append(place)
    seen = set(found)
    while found:
        place = found.popleft()
        groups = groups_of(jobs[place].name)
        hanging = [*hanging_on_job.pop(place, ()), *(one for name in groups for one in hanging_on_name.pop(name, ()))]
        found.extend(one for one in hanging if one not in seen)
        seen.update(hanging)
    return frozenset(seen)
