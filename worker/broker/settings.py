"""The settings of a broker, as its command line passes them on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """The settings of a broker; endpoints and retention as those of a worker."""

    state: Path
    roster: Path
    listen: str
    event_listen: str = ""
    keep_seconds: float | None = None
    keep_jobs: int | None = None
    keep_bytes: int | None = None
    keep_free_bytes: int = 0
    # Of the output of jobs whose workers have left; 0: none.
    keep_log_bytes: int = 0
