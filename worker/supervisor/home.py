"""The state folder, in which the supervisor lives: notices that files, or all of it, are removed. Knows no job."""

# ruff: noqa: PTH116 -- pathlib is not light
from __future__ import annotations

import fcntl
import os
import select
from collections.abc import Callable

from ...schemas.c_signal import signal
from ..keeper.light_process import say
from .loop import Loop, Timer

# Whoever removes a folder removes its files first, and of the folder itself nothing tells: after so long without another one it is looked.
_QUIET_SECONDS = 0.5


class Home:
    """Calls back some time after a file in the working folder was removed; `is_gone` where the folder itself was."""

    def __init__(self, loop: Loop, changed: Callable[[], None]) -> None:
        self.is_gone = False
        self._loop = loop
        self._changed = changed
        self._look_at: Timer | None = None
        # F_NOTIFY of fcntl(2), as Python has no inotify, and ctypes is not light: a signal for each removed file.
        self._wakeup, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        signal.signal(signal.SIGIO, lambda *_: None)
        signal.set_wakeup_fd(wakeup)
        try:
            fcntl.fcntl(self._folder, fcntl.F_NOTIFY, fcntl.DN_DELETE | fcntl.DN_MULTISHOT)
        except OSError as error:
            say(f"removed files go unseen: {error.strerror}")
        loop.watch(self._wakeup, select.EPOLLIN, self._woken)

    def _woken(self, _events: int) -> None:
        os.read(self._wakeup, 4096)
        self._loop.cancel(self._look_at)
        self._look_at = self._loop.after(_QUIET_SECONDS, self._look)

    def _look(self) -> None:
        if not self.is_gone and os.stat(".").st_nlink == 0:
            self.is_gone = True
            say("the state folder was removed: jobs that run go on, and when they have ended, supervisor and keeper end too")
        self._changed()
