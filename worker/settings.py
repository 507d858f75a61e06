"""The settings of a worker, as its command line passes them on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
    # A note about its start for the user, from the process that started it.
    note: str = ""
    # For a private worker: the description of its caller, with which later callers compare themselves.
    caller: dict[str, Any] = field(default_factory=dict)
