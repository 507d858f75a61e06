"""Priority of the supervisor over its jobs, if permitted, as for root: every job waits for it while it starts the next one.

Uses only Python's own functions: own_process/priority.py, which does the same for worker and broker, loads ctypes. Knows no job.
"""

# ruff: noqa: PTH110 -- pathlib is not light
from __future__ import annotations

import contextlib
import os

_NICE = -10


def go_first() -> None:
    """Give this process a higher priority, which its children do not inherit. Does nothing without permission.

    A process with a nice value other than 0, or another policy, keeps it.
    """
    if os.getpriority(os.PRIO_PROCESS, 0) or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return
    try:
        # First: not even for a moment may there be a child that inherits it.
        os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    except OSError:
        return
    if not os.path.exists(f"/proc/{os.getsid(0)}"):
        # See sched(7): between sessions only the nice value of the session counts. The leader of this one was the process that started the
        # keeper, and has ended; no job is in it. That of a shell, in which somebody else has started this, is left alone.
        with contextlib.suppress(OSError), open("/proc/self/autogroup", "w") as file:  # noqa: PTH123 -- pathlib is not light
            file.write(str(_NICE))


def step_back() -> None:
    """Undo `go_first`."""
    if os.sched_getscheduler(0) & os.SCHED_RESET_ON_FORK:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, 0)
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def nice_of_children() -> int:
    """Return the nice value with which children of this process start."""
    return 0 if os.sched_getscheduler(0) & os.SCHED_RESET_ON_FORK else os.getpriority(os.PRIO_PROCESS, 0)
