"""The standard streams of a daemon, which its caller may have closed (`>&-`).

Without this, the first files that the daemon opens would take their place, and whatever a library writes to stderr would end up there.
"""

from __future__ import annotations

import fcntl
import os

_STANDARD = range(3)


def fill() -> None:
    """Open /dev/null in place of each closed standard stream, for the program that is executed next."""
    # Not in one of these places itself: a copy onto itself would end with this program.
    null = fcntl.fcntl(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), fcntl.F_DUPFD_CLOEXEC, len(_STANDARD))
    for number in _STANDARD:
        if not _is_passed_on(number):
            os.dup2(null, number)


def _is_passed_on(number: int) -> bool:
    try:
        # What has taken its place meanwhile ends with this program.
        return os.get_inheritable(number)
    except OSError:
        return False
