"""Notice that the state folder, or a file in it, was removed or replaced while a daemon is running. Knows no job."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from ...keys.files import inotify
from ...keys.holder import DESCRIPTION, LOCK
from .lock import StateLock
from .store_files import STORE_FILES

_log = logging.getLogger(__name__)

_REMOVED = inotify.DELETE | inotify.MOVED_FROM | inotify.MOVE_SELF
# Other files in the folder are written too, so these events count only for the names below.
_WRITTEN = inotify.MOVED_TO | inotify.CLOSE_WRITE
_MOVED_INTO_PLACE = {LOCK, DESCRIPTION, *STORE_FILES}

# The files of a folder are removed before the folder itself, which is not reported. So check this long after the last event.
_QUIET_SECONDS = 0.5
# If the files cannot be created again (the disk is full, a folder has their name), check less and less often.
_LONGEST_PAUSE_SECONDS = 60
# The description is written under such a name first (keys/files/private_files.py), which is removed if that fails.
_UNFINISHED = f".{DESCRIPTION}."


class FolderWatch:
    """Restores removed and overwritten files. `lost` is called once if the daemon cannot continue without them; `loss` says why."""

    def __init__(
        self, lock: StateLock, state: Path, loop: asyncio.AbstractEventLoop, lost: Callable[[], None], *, who: str = "worker"
    ) -> None:
        self.loss = ""
        self._lock = lock
        self._state = state
        self._loop = loop
        self._lost = lost
        self._who = who
        self._look_at: asyncio.TimerHandle | None = None
        self._pause_seconds = _QUIET_SECONDS
        self._inotify: inotify.Inotify | None = None
        try:
            self._inotify = inotify.Inotify()
            self._inotify.add_watch(state, _REMOVED | _WRITTEN | inotify.ONLYDIR)
            self._watch_above(state, self._inotify)
        except OSError as error:
            _log.warning("%s cannot be watched for removed files: %s", state, error.strerror)
            self.close()
            return
        loop.add_reader(self._inotify.fileno(), self._read)
        # What could not be written before.
        self._look_later(_QUIET_SECONDS)

    def _watch_above(self, state: Path, watch: inotify.Inotify) -> None:
        """Watch for renamed parent folders and replaced links on the path: for the folder itself, these are no events."""
        for above in state.resolve().parents:
            # One that this user may not read belongs to somebody else.
            with suppress(OSError):
                watch.add_watch(above, inotify.MOVE_SELF | inotify.ONLYDIR)
        for link in links_on(state.absolute()):
            # ATTRIB: it has no name any more, because it was removed or another one was renamed to its name.
            with suppress(OSError):
                watch.add_watch(link, inotify.MOVE_SELF | inotify.ATTRIB | inotify.DONT_FOLLOW)

    def close(self) -> None:
        """Stop watching."""
        if self._look_at is not None:
            self._look_at.cancel()
        if self._inotify is not None:
            self._loop.remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = None

    def _read(self) -> None:
        events = self._inotify.read() if self._inotify is not None else []
        if self._look_at is not None:
            # An attempt that failed does not shorten the pause before the next one.
            events = [event for event in events if not event.name.startswith(_UNFINISHED)]
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
                _log.error("%s: this %s exits; running jobs continue without it", self.loss, self._who)
                self.close()
                self._lost()
                return
            if self._inotify is not None:
                # A link that was replaced may lead to the same folder.
                self._watch_above(self._state, self._inotify)
            self._lock.make_again()
            self._pause_seconds = _QUIET_SECONDS
        except OSError as error:
            # Another process is checking the lock, or the disk is full.
            _log.warning("removed files could not be created again: %s", error.strerror)
            self._look_later(self._pause_seconds)
            self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)


def links_on(path: Path) -> Iterator[Path]:
    """Iterate over the symbolic links on an existing absolute path, including those that links lead through."""
    for one in (*reversed(path.parents), path):
        if one.is_symlink():
            yield one
            yield from links_on(one.parent / one.readlink())


def _is_ours(event: inotify.Event) -> bool:
    # CLOSE_WRITE counts only for the description: processes that open and close the store cause it too, without writing.
    return bool(event.name == DESCRIPTION or (event.mask & inotify.MOVED_TO and event.name in _MOVED_INTO_PLACE))
