"""The settings of a worker, as its command line passes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..schemas.workers.capacity import Capacity
from .options.capacity_options import own_labels
from .wire.words import USUAL_FEED_WAIT_MS


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """The settings of a worker. `listen` and `event_listen` empty: loopback, with the ports of the last run if they are free."""

    state: Path
    roster: Path
    slots: int
    directory: Path
    listen: str = ""
    event_listen: str = ""
    jobs_as_root: bool = False
    # How much to keep of jobs that have ended (None: no limit), and how much disk space to keep free.
    keep_seconds: float | None = None
    keep_jobs: int | None = None
    keep_bytes: int | None = None
    keep_free_bytes: int = 0
    # How long a job waits for somebody to feed its standard input.
    feed_wait_ms: int = USUAL_FEED_WAIT_MS
    # What jobs can reserve, besides slots.
    memory_bytes: int = 0
    gpus: Sequence[str] = ()
    resources: Mapping[str, int] = field(default_factory=dict)
    # What jobs can ask for by name, beside what every worker tells of itself.
    labels: Mapping[str, str] = field(default_factory=dict)
    # The broker that it joins, and its public key as text; empty: none.
    join: str = ""
    # How many slots the broker gets at most; 0: all.
    offer: int = 0
    broker_key: str = ""
    # A note about its start for the user, from the process that started it.
    note: str = ""
    # For a private worker: the description of its caller, with which later callers compare themselves.
    caller: dict[str, Any] = field(default_factory=dict)

    @property
    def capacity(self) -> Capacity:
        """The capacity for jobs."""
        labels = tuple(sorted({**self.labels, **own_labels()}.items()))
        return Capacity(self.slots, self.memory_bytes, tuple(self.gpus), tuple(sorted(self.resources.items())), labels)
