"""Notices that files of the state folder, or all of it, are removed or replaced under the worker. Knows no job."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from inotify_simple import Event, INotify, flags  # type: ignore[import-untyped] # reason: it has no annotations

from ...keys.holder import DESCRIPTION, LOCK
from .lock import STORE_FILES, StateLock

_log = logging.getLogger(__name__)

_REMOVED = flags.DELETE | flags.MOVED_FROM | flags.MOVE_SELF
# Others write beside them: what concerns these names only is looked at.
_WRITTEN = flags.MOVED_TO | flags.CLOSE_WRITE
_MOVED_INTO_PLACE = {LOCK, DESCRIPTION, *STORE_FILES}

# Whoever removes a folder removes its files first, and of the folder itself nothing tells: after so long without another one it is looked.
_QUIET_SECONDS = 0.5
# Where they cannot be made again for long (a full disk, a folder in their place) it is looked less and less often.
_LONGEST_PAUSE_SECONDS = 60


class FolderWatch:
    """Has removed and overwritten files made again; `lost` is called once, where the worker cannot go on without them: `loss` says it."""

    def __init__(self, lock: StateLock, state: Path, loop: asyncio.AbstractEventLoop, lost: Callable[[], None]) -> None:
        self.loss = ""
        self._lock = lock
        self._loop = loop
        self._lost = lost
        self._look_at: asyncio.TimerHandle | None = None
        self._pause_seconds = _QUIET_SECONDS
        self._inotify: INotify | None = None
        try:
            self._inotify = INotify(nonblocking=True)
            self._inotify.add_watch(state, _REMOVED | _WRITTEN | flags.ONLYDIR)
        except OSError as error:
            _log.warning("removed files of %s go unseen: %s", state, error.strerror)
            self.close()
            return
        loop.add_reader(self._inotify.fileno(), self._read)

    def close(self) -> None:
        """Let go."""
        if self._look_at is not None:
            self._look_at.cancel()
        if self._inotify is not None:
            self._loop.remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = None

    def _read(self) -> None:
        events = self._inotify.read(timeout=0) if self._inotify is not None else []
        if any(event.mask & ~_WRITTEN or _is_ours(event) for event in events):
            self._look_later(_QUIET_SECONDS)

    def _look_later(self, seconds: float) -> None:
        if self._look_at is not None:
            self._look_at.cancel()
        self._look_at = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self._look_at = None
        try:
            self.loss = self._lock.loss()
            if self.loss:
                _log.error("%s: this worker ends, and the jobs that run go on without it", self.loss)
                self.close()
                self._lost()
                return
            self._lock.make_again()
            self._pause_seconds = _QUIET_SECONDS
        except OSError as error:
            # Somebody looks at the lock just now, or the disk is full.
            _log.warning("removed files could not be made again: %s", error.strerror)
            self._look_later(self._pause_seconds)
            self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)


def _is_ours(event: Event) -> bool:
    # Whoever opens the store closes it too, and wrote nothing: of a file that is written to only the description is meant.
    return bool(event.name == DESCRIPTION or (event.mask & flags.MOVED_TO and event.name in _MOVED_INTO_PLACE))
