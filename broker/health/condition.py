"""The condition of a worker: what occupies it, its machine and its roster, as `status` reports it.

Only admins are told how many members there are, and what is wrong with the roster.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ...keys.members.rights import Member, Right
from ...schemas.generated import request_pb2
from ...schemas.wire_codec import labels_to_wire
from ...schemas.workers.capacity import SLOTS
from ..desk.queue.queue import Queue
from ..desk.queue.stock import Stock
from ..store.free_space import Room
from .troubles import Trouble

_NOT_IN_FORCE = "the roster file cannot be used, so the previous roster stays in force; administrators can see why"


class Members(Protocol):
    """The roster in force."""

    @property
    def problem(self) -> str:
        """Why its file is not in force; empty if it is."""
        ...

    def count(self) -> int:
        """Return how many members there are."""
        ...


@dataclass(frozen=True, slots=True)
class Condition:
    """What a worker can report about itself at any moment.

    `up_us`: how long it has been running. `memory_problem`: why memory limits of jobs are not enforced; empty: they are.
    """

    queue: Queue
    room: Room
    roster: Members
    up_us: Callable[[], int]
    memory_problem: Callable[[], str] = str
    # What those who run it should look at.
    troubles: Callable[[], Iterable[Trouble]] = tuple

    def roster_problem(self, member: Member) -> str:
        """Return why the roster's file is not in force, as detailed as this member may know; empty if it is."""
        problem = self.roster.problem
        return problem if not problem or Right.ADMINISTER in member.rights else _NOT_IN_FORCE

    def describe(self, member: Member) -> request_pb2.StatusReply:
        """Return the present condition, for a member."""
        free, total = self.room.measure()
        shortage = self.room.shortage()
        return request_pb2.StatusReply(
            running=self.queue.running,
            queued=len(self.queue),
            your_running=self.queue.running_of(member.key),
            your_queued=self.queue.waiting_of(member.key),
            up_us=self.up_us(),
            load=_load(),
            cpus=os.cpu_count() or 0,
            disk_free_bytes=free,
            disk_bytes=total,
            refuses=shortage.message if shortage is not None else "",
            rights=[right.value for right in Right if right in member.rights],
            members=self.roster.count() if Right.ADMINISTER in member.rights else 0,
            roster_problem=self.roster_problem(member),
            memory_problem=self.memory_problem(),
            slots=self.queue.slots,
            stocks=describe_stock(self.queue.stock),
            labels=labels_to_wire(self.queue.stock.capacity.labels),
            warnings=[trouble.text for trouble in self.troubles() if trouble.is_for(member)],
        )


def _load() -> tuple[float, ...]:
    try:
        return os.getloadavg()
    except OSError:
        # getloadavg(3): it cannot be obtained, as where /proc is hidden.
        return ()


def describe_stock(stock: Stock) -> list[request_pb2.Stock]:
    """Return how much of each resource there is, and how much is in use."""
    totals = {SLOTS: stock.capacity.slots, **stock.capacity.totals()}
    return [request_pb2.Stock(name=name, total=total, used=stock.used(name)) for name, total in totals.items() if total or name == SLOTS]
