"""How the kernel schedules the threads of a worker or broker, so that it responds while jobs keep every CPU busy. Knows no job.

The threads wait most of the time, and then run for less than a millisecond. So they request a short slice (EEVDF, Linux 6.12): the kernel
prefers short slices to long ones, and the share of other processes does not shrink. With permission, as root, they also get a higher
priority. Processes that it starts inherit none of this.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
from pathlib import Path

_SLICE_NANOSECONDS = 100_000
_NICE = -10
# sched_setattr(2): size, policy, flags, nice, priority, runtime (here the slice), deadline, period, two utilisation clamps.
_ATTRIBUTES = struct.Struct("=IIQiIQQQII")
_SCHED_OTHER = 0
_SCHED_FLAG_RESET_ON_FORK = 1
_SYSTEM_CALL = {"x86_64": 314, "aarch64": 274, "riscv64": 274}.get(platform.machine())


def answer_first() -> None:
    """Schedule all current threads of this process that way. Does nothing if the kernel does not support or permit it.

    A process with a nice value other than 0 keeps it.
    """
    own = os.getpriority(os.PRIO_PROCESS, 0)
    raised = own == 0 and _schedule(os.getpid(), _NICE)
    for thread in sorted(int(folder.name) for folder in Path("/proc/self/task").iterdir()):
        _schedule(thread, _NICE if raised else own)
    if raised and os.getsid(0) == os.getpid():
        # See sched(7): between sessions only the nice value of the session counts. Only in a session of its own, not in that of a shell.
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(_NICE))


def _schedule(thread: int, nice: int) -> bool:
    if _SYSTEM_CALL is None:
        return False
    attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, _SCHED_OTHER, _SCHED_FLAG_RESET_ON_FORK, nice, 0, _SLICE_NANOSECONDS, 0, 0, 0, 0)
    call = ctypes.CDLL(None).syscall
    return bool(call(ctypes.c_long(_SYSTEM_CALL), ctypes.c_int(thread), ctypes.c_char_p(attributes), ctypes.c_uint(0)) == 0)
