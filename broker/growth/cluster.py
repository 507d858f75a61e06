"""The interface to what gives a broker more workers: ask for an allocation, list them, give some back. Slurm, or processes here.

A cluster may have done what it was asked and not say so: whoever asks finds the allocation again by its name.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from ...schemas.generated import request_pb2


class Phase(enum.Enum):
    """Where an allocation is in its cluster."""

    WAITING = enum.auto()
    RUNNING = enum.auto()
    # Its processes are being ended.
    ENDING = enum.auto()
    ENDED = enum.auto()


class Seen(NamedTuple):
    """An allocation as its cluster lists it; `said`: the cluster's own word for that.

    `proves_end`: of all processes that ran in it none is left, for sure.
    """

    cluster_id: str
    name: str
    phase: Phase
    said: str
    proves_end: bool = False


class NoAnswer(Exception):  # noqa: N818 -- what it is
    """The cluster did not answer; it may have done what it was asked."""


class Cluster(Protocol):
    """One cluster. All of these may wait for it, but not for long. Raise NoAnswer."""

    # How long to wait until it is listed again.
    poll_seconds: float

    async def check(self, queue: request_pb2.GrowthQueue) -> None:
        """Raise Refused, saying why, if allocations of such a queue can never start."""
        ...

    async def submit(self, queue: request_pb2.GrowthQueue, name: str, folder: Path) -> str:
        """Ask for an allocation in which `worker.pilot` runs with this folder, and return its id. Raise Refused if that is refused."""
        ...

    async def list(self, prefix: str) -> Sequence[Seen]:
        """Return the allocations whose names begin so, with those that ended lately."""
        ...

    async def cancel(self, cluster_ids: Sequence[str]) -> None:
        """Give allocations back, whether they wait or run. One that has ended stays as it is."""
        ...
