"""The interface to a cluster that gives a broker more workers: request an allocation, list allocations, cancel some.

Implemented for Slurm, and for processes on this machine. A cluster may have carried out a request without confirming it: the broker finds
the allocation again by its name.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from ...schemas.generated import request_pb2


class Phase(enum.Enum):
    """The state of an allocation in its cluster."""

    WAITING = enum.auto()
    RUNNING = enum.auto()
    # Its processes are being ended.
    ENDING = enum.auto()
    ENDED = enum.auto()


class Seen(NamedTuple):
    """An allocation as its cluster lists it; `said`: the cluster's own word for its state.

    `proves_end`: none of the processes that ran in it is left, for certain.
    """

    cluster_id: str
    name: str
    phase: Phase
    said: str
    proves_end: bool = False


class NoAnswer(Exception):  # noqa: N818 -- what it is
    """The cluster did not answer; it may have carried out the request."""


class Cluster(Protocol):
    """One cluster. All methods may wait for it for a limited time, and raise NoAnswer."""

    # How long to wait until it is listed again.
    poll_seconds: float

    async def check(self, queue: request_pb2.GrowthQueue) -> None:
        """Raise Refused, with the reason, if allocations of such a queue can never start."""
        ...

    async def submit(self, queue: request_pb2.GrowthQueue, name: str, folder: Path) -> str:
        """Request an allocation that runs `worker.pilot` with this folder, and return its id. Raises Refused if the cluster refuses."""
        ...

    async def list(self, prefix: str) -> Sequence[Seen]:
        """Return the allocations whose names have this prefix, including those that ended recently."""
        ...

    async def cancel(self, cluster_ids: Sequence[str]) -> None:
        """Cancel allocations, whether they wait or run. One that has ended is left as it is."""
        ...
