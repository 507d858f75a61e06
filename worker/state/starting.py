"""Wait for a worker that is starting."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ...keys.files import inotify
from ...schemas.refusal import Code, Refused
from .lock import running

_START_SECONDS = 10


def await_description(state: Path) -> dict[str, Any] | None:
    """Return the description of the worker that holds a folder, once it is ready; None if it exits instead.

    Raises Refused(UNAVAILABLE) if it is not ready within some seconds.
    """
    deadline = time.monotonic() + _START_SECONDS
    with inotify.Inotify() as watch:
        # The description is moved into its place; the lock, which it has written to, is closed when it exits.
        watch.add_watch(state, inotify.MOVED_TO | inotify.CLOSE_WRITE)
        while True:
            try:
                return running(state)
            except Refused as refused:
                if refused.code is not Code.UNAVAILABLE or time.monotonic() > deadline:
                    raise
            watch.read(max(0, int((deadline - time.monotonic()) * 1000)))
