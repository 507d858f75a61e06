"""Decide how many allocations a broker requests, and which it no longer needs. Pure: demand, room and the state of the queues come in.

Only what could start now is demand: no job that waits for another one, for a time, or for its batch. It is first assigned to existing room:
on workers that have joined, then in allocations that were requested and are still to come, of whichever queue. New allocations are
requested only for the rest, each from the first queue that can run it at all. So several queues do not request the same, and none requests
for a job whose needs exceed its allocations, or that runs longer than they last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ...schemas.workers.capacity import Wants
from .room import Demand, Room, Shape

# So many in a row that end before their worker has joined pause the queue: others would end in the same way.
MOST_FAILURES = 3
# A cluster is asked for so many at once. The rest follows when these were accepted.
MOST_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class QueueView:
    """The present state of a queue. `coming`: the names of its workers that have not joined yet, oldest first.

    `most`: how many workers it may have; `living`: how many it has, including those that are coming. `per_node`: how many an allocation
    has.
    """

    name: str
    shape: Shape
    most: int
    living: int
    coming: Sequence[str] = ()
    # A paused one asks for nothing; what it has asked for still comes.
    paused: bool = False
    per_node: int = 1


@dataclass(slots=True)
class Plan:
    """`submit`: how many allocations to request, by queue. `unneeded`: those that are coming and that nothing waits for."""

    submit: dict[str, int] = field(default_factory=dict)
    unneeded: list[str] = field(default_factory=list)
    # What waits and has no place in any queue, because of what it takes or how long it runs.
    homeless: list[Demand] = field(default_factory=list)


class Failures(NamedTuple):
    """How many allocations failed in a row, and why the queue is paused for that; empty: it is not."""

    in_a_row: int
    pause: str = ""


def plan(demands: Sequence[Demand], rooms: Sequence[Room], queues: Sequence[QueueView]) -> Plan:
    """Return what to request, and what is not needed."""
    made = Plan()
    # The largest first: what is small finds room beside it.
    left = {one.wants: one.jobs for one in sorted(demands, key=lambda one: -one.wants.slots)}
    for room in rooms:
        _fill(room, left)
    made.unneeded += [name for queue in queues for name in queue.coming if not _fill(queue.shape.room(), left)]
    for wants in list(left):
        if not left.get(wants):
            continue
        able = [queue for queue in queues if queue.shape.room().most(wants)]
        if not able:
            made.homeless.append(Demand(wants, left.pop(wants)))
        for queue in able:
            while left.get(wants) and _may_ask(queue, made):
                _ask(queue, made, left, wants)
    return made


def _may_ask(queue: QueueView, made: Plan) -> bool:
    asked = made.submit.get(queue.name, 0)
    return not queue.paused and asked < MOST_AT_ONCE and queue.living + (asked + 1) * queue.per_node <= queue.most


def _ask(queue: QueueView, made: Plan, left: dict[Wants, int], first: Wants) -> None:
    made.submit[queue.name] = made.submit.get(queue.name, 0) + 1
    for _ in range(queue.per_node):
        _fill(queue.shape.room(), left, first=first)


def _fill(room: Room, left: dict[Wants, int], first: Wants | None = None) -> bool:
    """Assign as much demand to a room as fits. Return whether anything did."""
    used = False
    for wants in [*((first,) if first is not None else ()), *left]:
        count = min(left.get(wants, 0), room.most(wants))
        if count:
            used = True
            room.put(wants, count)
            left[wants] -= count
    for wants in [one for one, count in left.items() if not count]:
        del left[wants]
    return used


def after_end(failures: int, *, joined: bool, why: str) -> Failures:
    """Return what follows for a queue from the end of an allocation: `joined`: its worker had joined. `why`: how it ended."""
    if joined:
        return Failures(0)
    count = failures + 1
    if count < MOST_FAILURES:
        return Failures(count)
    return Failures(count, f"{count} allocations in a row ended before a worker joined; the last one: {why}")
