"""How old what has ended is, where that decides what is dropped. Nothing is dropped because somebody set the machine's clock.

Ages have a scale of their own. While the machine is up it goes by the time that passes, and by nothing else. For how long the machine was
off only its clock can tell, and that is believed when it was seen to stay where it is for an hour; until then no age is known. A clock that
turns out to have been behind when the machine started is not made up for: what was recorded meanwhile would seem to be old. What is known
is kept in a file beside the store, so that a restart of the daemon changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ...schemas.clock import Steady, near, passed_us, wall_us

FILE = "clock"
BELIEVED_AFTER_SECONDS = 3600
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Ages:
    """The clock by which ages are judged; `now_us` is on a scale that began with dates. `fresh`: there is nothing yet that could be old."""

    def __init__(
        self,
        folder: Path,
        *,
        fresh: bool,
        wall_us: Callable[[], int] = wall_us,
        passed_us: Callable[[], int] = passed_us,
        boot: Callable[[], str] = lambda: _BOOT_ID.read_text().strip(),
    ) -> None:
        self._path = folder / FILE
        self._wall_us = wall_us
        self._passed_us = passed_us
        self._boot = boot()
        passed, wall = passed_us(), wall_us()
        self._steady = Steady(wall - passed, passed)
        noted = self._read()
        # What the scale showed when the machine's clock showed what; it begins as that of dates.
        self._scale_us, self._at_wall_us = (noted.scale_us, noted.wall_us) if noted is not None else (0, 0)
        is_same_boot = noted is not None and noted.boot == self._boot
        self._known = fresh or is_same_boot
        # What the scale is ahead of the time that passes since the machine was started.
        self._offset_us = noted.offset_us if noted is not None and is_same_boot else self._resumed_us(wall) - passed
        if self._known and not is_same_boot:
            self._note(passed, wall)

    @property
    def known(self) -> bool:
        """Whether ages are known; else, what is from before this run may be younger than it seems."""
        self.now_us()
        return self._known

    def now_us(self) -> int:
        """Say what time it is, for ages."""
        passed, wall = self._passed_us(), self._wall_us()
        if self._steady.stays_us(wall - passed, passed) >= BELIEVED_AFTER_SECONDS * 1_000_000:
            if not self._known:
                self._known = True
                self._offset_us = min(self._offset_us, self._resumed_us(wall) - passed)
                self._note(passed, wall)
            elif not near(wall - passed - self._offset_us, self._at_wall_us - self._scale_us):
                # The next start of the machine must know how its clock stands by now.
                self._note(passed, wall)
        return passed + self._offset_us

    def _resumed_us(self, wall: int) -> int:
        return self._scale_us + max(0, wall - self._at_wall_us)

    def _note(self, passed: int, wall: int) -> None:
        self._scale_us, self._at_wall_us = passed + self._offset_us, wall
        new = self._path.with_name(f"{FILE}.new")
        # On a full disk a restarted daemon has to wait for its hour.
        with suppress(OSError):
            new.write_text(json.dumps(_Note(self._boot, self._offset_us, self._scale_us, wall)._asdict()))
            new.replace(self._path)

    def _read(self) -> _Note | None:
        try:
            found = json.loads(self._path.read_bytes())
            return _Note(str(found["boot"]), int(found["offset_us"]), int(found["scale_us"]), int(found["wall_us"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


class _Note(NamedTuple):
    """What is kept."""

    boot: str
    offset_us: int
    scale_us: int
    wall_us: int
