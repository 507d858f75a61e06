"""How old what has ended is, where that decides what is dropped. Nothing is dropped because somebody set the machine's clock.

Ages go by the time that passes and by how the machine's clock stood to it before. Where the clock is set, it counts here only when it
was seen to stay there for an hour; the same holds after the machine was restarted, as nobody knows then how long it was off. What is
known is kept in a file beside the store, so that a restart of the daemon changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .clock import Steady, near, passed_us, wall_us

FILE = "clock"
BELIEVED_AFTER_SECONDS = 3600
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Ages:
    """The clock by which ages are judged; `now_us` is on the scale of dates. `fresh`: there is nothing yet that could be old."""

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
        passed = passed_us()
        offset = wall_us() - passed
        self._steady = Steady(offset, passed)
        # How the machine's clock is believed to stand to the time that passes; None: nobody knows yet.
        self._offset_us = self._read()
        if self._offset_us is None and fresh:
            self._believe(offset)

    @property
    def known(self) -> bool:
        """Whether ages are known; else, what is from before this run may be younger than it seems."""
        self.now_us()
        return self._offset_us is not None

    def now_us(self) -> int:
        """Say what time it is, for ages."""
        passed = self._passed_us()
        offset = self._wall_us() - passed
        stays = self._steady.stays_us(offset, passed)
        if stays >= BELIEVED_AFTER_SECONDS * 1_000_000 and not (self._offset_us is not None and near(offset, self._offset_us)):
            self._believe(offset)
        return passed + (offset if self._offset_us is None else self._offset_us)

    def _believe(self, offset: int) -> None:
        self._offset_us = offset
        new = self._path.with_name(f"{FILE}.new")
        # On a full disk a restarted daemon has to wait for its hour.
        with suppress(OSError):
            new.write_text(json.dumps({"boot": self._boot, "offset_us": offset}))
            new.replace(self._path)

    def _read(self) -> int | None:
        try:
            known = json.loads(self._path.read_bytes())
            return int(known["offset_us"]) if known["boot"] == self._boot else None
        except (OSError, ValueError, KeyError, TypeError):
            return None
