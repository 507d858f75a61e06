"""Decides how many allocations a broker asks for, and which it no longer needs. Pure: demand, room and the state of the queues come in.

Only what could start now is demand: no job that waits for another one, for a time, or for its batch. It is first put where there is room
already: on workers that have joined, then into allocations that were asked for and are still to come, of whichever queue. Only for what is
left new ones are asked for, each of the first queue that can run it at all. So several queues do not ask for the same job, and none asks
for a job that its allocations have too little of anything for, or that runs longer than they last.
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
    """A queue as it is now. `coming`: the names of its workers that have not joined yet, the oldest first.

    `most`: how many workers it may have; `living`: how many it has, with those that are coming. `per_node`: how many an allocation has.
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
    """`submit`: how many allocations to ask for, by queue. `unneeded`: those that are coming and that nothing waits for."""

    submit: dict[str, int] = field(default_factory=dict)
    unneeded: list[str] = field(default_factory=list)
    # What waits and has no place in any queue, because of what it takes or how long it runs.
    homeless: list[Demand] = field(default_factory=list)


class Failures(NamedTuple):
    """How many allocations in a row have failed, and why the queue is paused for that; empty: it is not."""

    in_a_row: int
    pause: str = ""


def plan(demands: Sequence[Demand], rooms: Sequence[Room], queues: Sequence[QueueView]) -> Plan:
    """Return what to ask for, and what is not needed."""
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
    """Put as much of what waits into a room as goes there. Return whether anything did."""
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
    """Return what follows for its queue when an allocation has ended: `joined`, whether its worker had. `why`: how it ended."""
    if joined:
        return Failures(0)
    count = failures + 1
    if count < MOST_FAILURES:
        return Failures(count)
    return Failures(count, f"{count} allocations in a row ended before a worker joined; the last one: {why}")
