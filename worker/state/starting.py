"""Wait for a worker that is starting."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from inotify_simple import INotify, flags  # type: ignore[import-untyped] # reason: it has no annotations

from ...schemas.refusal import Code, Refused
from .lock import running

_START_SECONDS = 10


def await_description(state: Path) -> dict[str, Any] | None:
    """Return the description of the worker that holds a folder, once it is ready; None if it exits instead.

    Raises Refused(UNAVAILABLE) if it is not ready within some seconds.
    """
    deadline = time.monotonic() + _START_SECONDS
    with INotify() as watch:
        # The description is moved into its place; the lock, which it has written to, is closed when it exits.
        watch.add_watch(state, flags.MOVED_TO | flags.CLOSE_WRITE)
        while True:
            try:
                return running(state)
            except Refused as refused:
                if refused.code is not Code.UNAVAILABLE or time.monotonic() > deadline:
                    raise
            watch.read(timeout=max(0, int((deadline - time.monotonic()) * 1000)))
