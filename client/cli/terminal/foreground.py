"""Whether this process is in the foreground of its terminal, in the sense of job control; see credentials(7)."""

from __future__ import annotations

import os
import termios
from contextlib import suppress

from .streams import STDERR


def is_in_front(fd: int = STDERR) -> bool:
    """Return whether this process is in the foreground of a terminal."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        # It is no controlling terminal, so nothing is in front of anything.
        return True


def come_to_front(fd: int) -> None:
    """Return once this process is in the foreground of a terminal, or cannot be; until then it is suspended.

    The kernel does the same with a background process that changes the modes of a terminal. This only waits, and changes nothing: modes
    that were read before a suspension are others after it.
    """
    if not is_in_front(fd):
        with suppress(termios.error):
            termios.tcdrain(fd)
