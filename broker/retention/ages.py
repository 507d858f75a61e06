"""How old ended jobs and events are, for deciding what to remove. Setting the machine's clock never causes anything to be removed.

Ages have their own time scale. While the machine is up, it advances with elapsed time, and nothing else. For the time that the machine was
off, only its clock is available, and that is trusted after it has run steadily for an hour; until then, ages are unknown. A clock that
turns out to have been behind when the machine started is not corrected for: records made meanwhile would appear old. The state is kept in a
file beside the store, so that a restart of the worker changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ...keys.files import private_files
from ...keys.files.small_file import read_small
from ...schemas.clock import SAME_US, Reading, Steady, boot_id, near, passed_us, wall_us
from ...schemas.json_text import object_of

FILE = "clock"
BELIEVED_AFTER_SECONDS = 3600


class Ages:
    """The clock for ages; `now_us` is on a scale that began as the scale of dates. `fresh`: nothing is stored yet that could be old."""

    def __init__(
        self,
        folder: Path,
        *,
        fresh: bool,
        wall_us: Callable[[], int] = wall_us,
        passed_us: Callable[[], int] = passed_us,
        boot: Callable[[], str] = boot_id,
    ) -> None:
        self._path = folder / FILE
        self._wall_us = wall_us
        self._passed_us = passed_us
        self._boot = boot()
        passed, wall = passed_us(), wall_us()
        self._steady = Steady(wall - passed, passed)
        noted = self._read()
        # A pair of simultaneous readings: the scale, and the machine's clock. The scale begins as that of dates.
        self._scale_us, self._at_wall_us = (noted.scale_us, noted.wall_us) if noted is not None else (0, 0)
        is_same_boot = noted is not None and noted.boot == self._boot
        self._known = fresh or is_same_boot
        # The difference between the scale and the time since the machine was started.
        self._offset_us = noted.offset_us if noted is not None and is_same_boot else self._resumed_us(wall) - passed
        if self._known and not is_same_boot:
            self._note(passed, wall)

    @property
    def known(self) -> bool:
        """Whether ages are known. If not, records from earlier runs may be younger than they appear."""
        self.now_us()
        return self._known

    def now_us(self, at: Reading | None = None) -> int:
        """Return the current time on the scale of ages. `at`: a reading of the clocks taken just now; without it, they are read."""
        passed, wall = at or (self._passed_us(), self._wall_us())
        offset = wall - passed
        is_seen = -SAME_US <= offset - self._steady.seen_us <= SAME_US
        if self._known and is_seen and -SAME_US <= offset - self._offset_us - self._at_wall_us + self._scale_us <= SAME_US:
            # As nearly always: there is nothing to find out.
            return passed + self._offset_us
        if self._steady.stays_us(wall - passed, passed) >= BELIEVED_AFTER_SECONDS * 1_000_000:
            if not self._known:
                self._known = True
                self._offset_us = min(self._offset_us, self._resumed_us(wall) - passed)
                self._note(passed, wall)
            elif not near(wall - passed - self._offset_us, self._at_wall_us - self._scale_us):
                # After the next start of the machine, the current state of its clock must be known.
                self._note(passed, wall)
        return passed + self._offset_us

    def _resumed_us(self, wall: int) -> int:
        return self._scale_us + max(0, wall - self._at_wall_us)

    def _note(self, passed: int, wall: int) -> None:
        self._scale_us, self._at_wall_us = passed + self._offset_us, wall
        self._write(_Note(self._boot, self._offset_us, self._scale_us, wall))

    def _write(self, note: _Note) -> None:
        # On a full disk, a restarted worker has to wait for an hour again.
        with suppress(OSError):
            private_files.replace_itself(self._path, json.dumps(note._asdict()).encode(), durable=False)

    def _read(self) -> _Note | None:
        try:
            found = object_of(read_small(self._path))
            return _Note(str(found["boot"]), int(found["offset_us"]), int(found["scale_us"]), int(found["wall_us"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


class FollowingAges(Ages):
    """The ages of another `Ages` of this daemon, for use on another thread: reads its scale from the file, and writes nothing.

    Two that write could get different scales, and a restart would continue with the last one written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        wall_us: Callable[[], int] = wall_us,
        passed_us: Callable[[], int] = passed_us,
        boot: Callable[[], str] = boot_id,
    ) -> None:
        # Which file was read last: inode and modification time.
        self._seen: tuple[int, int] | None = None
        super().__init__(folder, fresh=False, wall_us=wall_us, passed_us=passed_us, boot=boot)

    def now_us(self, at: Reading | None = None) -> int:
        """Return the current time on the scale of ages, as last noted by the other one."""
        self._follow()
        return super().now_us(at)

    def _follow(self) -> None:
        try:
            status = self._path.stat()
        except OSError:
            # Nothing is noted yet, or could be.
            return
        if (seen := (status.st_ino, status.st_mtime_ns)) == self._seen:
            return
        self._seen = seen
        noted = self._read()
        if noted is not None and noted.boot == self._boot:
            self._known = True
            _, self._offset_us, self._scale_us, self._at_wall_us = noted

    def _write(self, note: _Note) -> None:
        """Leave it to the other one."""


class _Note(NamedTuple):
    """The contents of the file."""

    boot: str
    offset_us: int
    scale_us: int
    wall_us: int
