"""The supervisor's working folder, which is the state folder: notices that it, or a file in it, was removed or replaced. Knows no job."""

# ruff: noqa: PTH116 -- pathlib is not light
from __future__ import annotations

import fcntl
import os
import select
from collections.abc import Callable

from ...schemas.private_parts.c_signal import signal
from ..keeper.light_process import say
from .loop import Loop, Timer

# The files of a folder are removed before the folder itself, which is not reported. So check this long after the last file was removed.
_QUIET_SECONDS = 0.5


class Home:
    """Calls back some time after a file in the working folder was removed or replaced; then `is_gone` is set if the folder itself was."""

    def __init__(self, loop: Loop, changed: Callable[[], None]) -> None:
        self.is_gone = False
        self._loop = loop
        self._changed = changed
        self._look_at: Timer | None = None
        # F_NOTIFY of fcntl(2), which sends a signal for each file removed or renamed: Python has no inotify, and ctypes is not light.
        self._wakeup, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        signal.signal(signal.SIGIO, lambda *_: None)
        signal.set_wakeup_fd(wakeup)
        try:
            fcntl.fcntl(self._folder, fcntl.F_NOTIFY, fcntl.DN_DELETE | fcntl.DN_RENAME | fcntl.DN_MULTISHOT)
        except OSError as error:
            say(f"the state folder cannot be watched for removed files: {error.strerror}")
        loop.watch(self._wakeup, select.EPOLLIN, self._woken)

    def _woken(self, _events: int) -> None:
        os.read(self._wakeup, 4096)
        self._loop.cancel(self._look_at)
        self._look_at = self._loop.after(_QUIET_SECONDS, self._look)

    def _look(self) -> None:
        if not self.is_gone and os.stat(".").st_nlink == 0:
            self.is_gone = True
            say("the state folder was removed: running jobs continue; supervisor and keeper exit when they have ended")
        self._changed()
