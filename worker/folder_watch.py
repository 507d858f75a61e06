"""Notices that files of the state folder, or all of it, are removed from under the worker. Knows no job."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from inotify_simple import INotify, flags  # type: ignore[import-untyped] # reason: it has no annotations

from .lock import StateLock

_log = logging.getLogger(__name__)

# Whoever removes a folder removes its files first, and of the folder itself nothing tells: after so long without another one it is looked.
_QUIET_SECONDS = 0.5


class FolderWatch:
    """Has removed files made again; `lost` is called once, where the worker cannot go on without what was removed: `loss` says it."""

    def __init__(self, lock: StateLock, state: Path, loop: asyncio.AbstractEventLoop, lost: Callable[[], None]) -> None:
        self.loss = ""
        self._lock = lock
        self._loop = loop
        self._lost = lost
        self._look_at: asyncio.TimerHandle | None = None
        self._inotify: INotify | None = None
        try:
            self._inotify = INotify(nonblocking=True)
            self._inotify.add_watch(state, flags.DELETE | flags.MOVED_FROM | flags.MOVE_SELF | flags.ONLYDIR)
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
        if self._inotify is not None:
            self._inotify.read(timeout=0)
        self._look_later()

    def _look_later(self) -> None:
        if self._look_at is not None:
            self._look_at.cancel()
        self._look_at = self._loop.call_later(_QUIET_SECONDS, self._look)

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
        except OSError as error:
            # Somebody looks at the lock just now, or the disk is full.
            _log.warning("removed files could not be made again: %s", error.strerror)
            self._look_later()
