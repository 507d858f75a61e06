"""The files of jobs on this machine; the `Depot` of broker/depot.py."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from ...broker.depot import Placement, Sender
from ...broker.engine import Fact, Launch
from ...broker.retention.ages import FollowingAges
from ...broker.store.free_space import Room
from ...schemas.jobs.brought_files import BroughtFile
from ...schemas.naming import AttemptKey, JobKey
from ...schemas.refusal import Code, Refused
from ..state import job_folders, layout
from ..state.blobs import Blobs, Held
from .fetches import OutgoingFile
from .in_turn import InTurn
from .placing import measure, place
from .threads import Threads
from .uploads import IncomingFile
from .workplaces import Workplaces

_log = logging.getLogger(__name__)


class LocalDepot:
    """Contents and folders in one state folder. Created and used on a running loop."""

    def __init__(
        self,
        state: Path,
        loop: asyncio.AbstractEventLoop,
        ready: Callable[[Sequence[Launch]], None],
        tell: Callable[[Sequence[Fact]], None],
        keep_free_bytes: int = 0,
    ) -> None:
        """`ready` and `tell`: see `Workplaces`. `keep_free_bytes`: how much disk space files must leave free."""
        self._work = str(state.absolute() / layout.WORK)
        self._blobs = Blobs(state / layout.BLOBS, FollowingAges(state), Room(state, keep_free_bytes))
        self._moving = Threads(loop, "files")
        self._filling = Threads(loop, "unpack")
        self._in_turn = InTurn(self._filling)
        self.workplaces = Workplaces(self._work, self._blobs, self._filling, self._in_turn, loop, ready, tell)
        self._uploads: dict[Held, IncomingFile] = {}

    def has(self, owner: bytes, file: BroughtFile, lender: bytes = b"") -> bool:
        """Return whether a content is stored; if so, it stays for at least an hour. It also counts if the member `lender` has it."""
        return self._blobs.lend(lender, owner, file) if lender else self._blobs.has(owner, file)

    def put(self, owner: bytes, file: BroughtFile, limit_bytes: int, sender: Sender, token: bytes = b"") -> IncomingFile:
        """Receive a content; all who send it at the same time share one upload."""
        held = Held(owner, token or file.digest)
        upload = self._uploads.get(held)
        if upload is None:
            over = partial(self._uploads.__delitem__, held)
            upload = IncomingFile(self._blobs, self._moving, owner, file, limit_bytes, token, over)
            self._uploads[held] = upload
        upload.join(sender)
        return upload

    def read(self, owner: bytes, digest: bytes, start: int, length: int, then: Callable[[bytes | Refused], None]) -> None:
        """Read part of a content, on a thread."""
        self._moving.run(lambda: _attempt(lambda: self._blobs.read(owner, digest, start, length)), then, then)

    def place(self, wanted: Placement, done: Callable[[Refused | None], None]) -> None:
        """Put contents into the folder of a job, on a thread."""
        work = partial(place, self._work, self._blobs, wanted, self._goes_on)
        self._in_turn.run(wanted.key.job, work, done, done)

    def measure(self, key: JobKey, done: Callable[[int], None]) -> None:
        """Report how many bytes the folder of a job takes, on a thread; files that waited for an attempt are removed."""
        self._in_turn.run(key, lambda: measure(self._work, key, self._goes_on), done)

    def fetch(self, key: AttemptKey, path: bytes, start: int, validator: bytes) -> OutgoingFile:
        """Read a file or folder in the folder of an attempt."""
        return OutgoingFile(self._moving, self._work, key, path, start, validator)

    def sweep(self, in_use: Callable[[bytes, Sequence[bytes]], set[bytes]], is_known: Callable[[JobKey], bool]) -> None:
        """Remove unused contents and folders of unknown jobs, on threads."""
        self._filling.run(self._blobs.find_unused, partial(self._remove_unused, in_use))
        self._filling.run(lambda: job_folders.find_all(self._work), partial(self._remove_unknown, is_known))

    def close(self) -> None:
        """Stop all threads; uploads continue in the next run of the worker."""
        self._moving.close()
        self._filling.close()

    def _goes_on(self) -> bool:
        return not self._filling.is_closed

    def _remove_unused(self, in_use: Callable[[bytes, Sequence[bytes]], set[bytes]], found: list[Held]) -> None:
        unused: list[Held] = []
        for owner, some in groupby(found, key=lambda one: one.owner):
            held = list(some)
            used = in_use(owner, [one.digest for one in held])
            unused += [one for one in held if one.digest not in used]
        if unused:
            self._filling.run(lambda: self._blobs.remove(unused), _tell_removed)

    def _remove_unknown(self, is_known: Callable[[JobKey], bool], found: list[JobKey]) -> None:
        if unknown := [key for key in found if not is_known(key)]:
            self._filling.run(lambda: self._remove_folders(unknown), lambda _: None)

    def _remove_folders(self, keys: list[JobKey]) -> None:
        for key in keys:
            try:
                job_folders.remove(self._work, key, self._goes_on)
            except OSError as error:
                if not self._goes_on():
                    return
                _log.warning("the folder of an unknown job cannot be removed: %s: %s", key.id.hex(), error.strerror)


def _tell_removed(count: int) -> None:
    _log.info("removed %d files that no job uses", count)


def _attempt(read: Callable[[], bytes]) -> bytes | Refused:
    try:
        return read()
    except OSError as error:
        return Refused(Code.NOT_FOUND, f"the content of a file no longer exists: {error.strerror}", "send it again")
