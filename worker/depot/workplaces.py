"""Fill the folders of jobs before they start, on threads; on a full disk, as soon as there is space. Waiting jobs occupy no thread.

A job without files passes at once. A folder is filled for an attempt whose launch is recorded: after a crash, the desk launches it again,
and its folder is filled anew.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from operator import attrgetter

from ...broker.engine import Delayed, Fact, Launch
from ...schemas.naming import AttemptKey
from ...schemas.refusal import Reason, Refused
from ...schemas.trees.writing import is_disk_full
from ..engine.desk_facts import cancelled, could_not_start
from ..state import job_folders
from ..state.blobs import Blobs
from .in_turn import InTurn
from .placing import bring_added
from .threads import Threads

_RETRY_SECONDS = 5.0
_UNPACKING = "its files are being unpacked"
_DISK_FULL = "the disk is full"

_brings, _takes = attrgetter("spec.files"), attrgetter("spec.outputs")


class Workplaces:
    """`ready` is called with launches whose folders are filled, `tell` with facts about others, neither of them during `prepare`."""

    def __init__(
        self,
        work: str,
        blobs: Blobs,
        threads: Threads,
        in_turn: InTurn,
        loop: asyncio.AbstractEventLoop,
        ready: Callable[[Sequence[Launch]], None],
        tell: Callable[[Sequence[Fact]], None],
    ) -> None:
        self._work = work
        self._blobs = blobs
        self._threads = threads
        self._in_turn = in_turn
        self._loop = loop
        self._ready = ready
        self._tell = tell
        # Those whose folders are being filled, or wait for space.
        self._under_way: dict[AttemptKey, Launch] = {}
        # What is written at this moment, and how large that will be.
        self._lock = threading.Lock()
        self._growing: dict[AttemptKey, int] = {}

    def prepare(self, launches: Sequence[Launch]) -> Sequence[Launch]:
        """Start to fill the folders of jobs that have one; return the others, which can start now."""
        if not any(map(_brings, launches)) and not any(map(_takes, launches)):
            return launches
        others = [launch for launch in launches if not launch.spec.has_folder]
        for launch in launches:
            if launch.spec.has_folder and launch.key not in self._under_way:
                self._under_way[launch.key] = launch
                self._fill(launch)
        # Not at once, because the desk is in the middle of a decision.
        self._loop.call_soon(self._tell_begun, [launch for launch in launches if launch.spec.files])
        return others

    def withdraw(self, key: AttemptKey) -> bool:
        """Cancel a job whose folder is being filled; return False if it is not. The thread removes the folder."""
        launch = self._under_way.pop(key, None)
        if launch is None:
            return False
        self._loop.call_soon(self._tell, [cancelled(launch)])
        return True

    def _tell_begun(self, launches: Sequence[Launch]) -> None:
        if begun := [Delayed(launch.key, _UNPACKING) for launch in launches if launch.key in self._under_way]:
            self._tell(begun)

    def _fill(self, launch: Launch) -> None:
        key = launch.key
        path_of = partial(self._blobs.path, key.owner)
        go_on = partial(self._is_wanted, launch)

        def add(parent: int, root: int) -> None:
            bring_added(self._work, key, parent, root, go_on)

        def work() -> Refused | OSError | None:
            try:
                with self._space(launch):
                    job_folders.fill(self._work, key, launch.spec.files, path_of, go_on, add)
            except job_folders.Cancelled:
                return None
            except (Refused, OSError) as error:
                return error
            return None

        filled = partial(self._filled, launch)
        self._in_turn.run(key.job, work, filled, filled)

    @contextmanager
    def _space(self, launch: Launch) -> Iterator[None]:
        """Reserve the space for the files of a job. Raises Refused if too little would stay free."""
        with self._lock:
            needed = sum(file.size for file in launch.spec.files)
            if needed and (refused := self._blobs.room.shortage(needed + sum(self._growing.values()))):
                raise refused
            self._growing[launch.key] = needed
        try:
            yield
        finally:
            with self._lock:
                del self._growing[launch.key]

    def _is_wanted(self, launch: Launch) -> bool:
        return self._under_way.get(launch.key) is launch and not self._threads.is_closed

    def _filled(self, launch: Launch, error: Refused | OSError | None) -> None:
        if not self._is_wanted(launch):
            self._in_turn.run(launch.key.job, partial(self._remove, launch), lambda _: None)
            return
        if why_full := _why_full(error):
            self._tell([Delayed(launch.key, f"its files cannot be unpacked: {why_full}; the worker tries again until there is space")])
            self._loop.call_later(_RETRY_SECONDS, self._try_again, launch)
            return
        del self._under_way[launch.key]
        if error is None:
            self._tell([Delayed(launch.key, "")])
            self._ready([launch])
            return
        why = str(error) if isinstance(error, Refused) else error.strerror
        self._tell([could_not_start(launch, f"its files could not be unpacked: {why}")])

    def _try_again(self, launch: Launch) -> None:
        if self._is_wanted(launch):
            self._fill(launch)

    def _remove(self, launch: Launch) -> None:
        if launch.key in self._under_way:
            return
        try:
            job_folders.remove(self._work, launch.key.job, lambda: not self._threads.is_closed)
        except OSError:
            # The next sweep finds it, if the job is forgotten.
            return


def _why_full(error: Refused | OSError | None) -> str:
    """Return in words that the disk is full, if it is."""
    if isinstance(error, Refused):
        return error.message if error.reason is Reason.DISK_FULL else ""
    return _DISK_FULL if error is not None and is_disk_full(error) else ""
