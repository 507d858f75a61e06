"""The settings of a daemon: its kind, its files, where it listens, how much it keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .retention.limits import Keep


@dataclass(frozen=True, slots=True)
class Settings:
    """Kind ("worker" or "broker"), software, store, roster file, and endpoints, with `*` for any port.

    If `event_listen` is empty, it is the port after that of `listen`, or any port if that is any. `keep`: how much is kept of ended jobs;
    `keep_free_bytes`: with less free space beside the store, new jobs are refused.
    """

    kind: str
    software: str
    store: Path
    roster: Path
    listen: str
    event_listen: str = ""
    keep: Keep = field(default_factory=Keep)
    keep_free_bytes: int = 0
    # Of a worker: how many slots its broker gets at most, 0: all; and the file that says how that is reached.
    offer: int = 0
    relay: Path = Path()
    # Whether it has joined one.
    has_broker: bool = False
