"""Why the kernel creates no more processes or threads for this process, see clone(2), and what to do about it. Only reads."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

_SCHED_DEADLINE = 6


def next_step(number: int | None = errno.EAGAIN) -> str:
    """Return what to do if a process or thread could not be created with this errno(3); clone(2) lists several causes for each."""
    # With SCHED_FLAG_RESET_ON_FORK, which is shown too, it can.
    if os.sched_getscheduler(0) == _SCHED_DEADLINE:
        return "a process with the policy SCHED_DEADLINE cannot create others (sched(7)): start this one with chrt --other 0 COMMAND"
    if _is_between_namespaces():
        return "its pid namespace for new processes has no process 1 yet, or has lost it: unshare --pid needs --fork"
    if number == errno.ENOMEM:
        return "free some memory, or raise the limit (ulimit -v, -d)"
    # The stack of a thread counts as memory, and pthread_create(3) says EAGAIN for that too.
    is_limited = any(resource.getrlimit(which)[0] != resource.RLIM_INFINITY for which in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    memory = " or of memory (ulimit -v, -d)" if is_limited else ""
    return f"raise the limit on processes (ulimit -u, pids.max, TasksMax= of a service){memory}, or end some, then try again"


def _is_between_namespaces() -> bool:
    """Return whether children of this process are created in another pid namespace than its own, see pid_namespaces(7).

    Then it can create no thread; and no process either, if unshare(2) made that namespace and its first process has ended.
    """
    folder = Path("/proc/self/ns")
    try:
        own = (folder / "pid").readlink()
    except OSError:
        return False
    try:
        return (folder / "pid_for_children").readlink() != own
    except FileNotFoundError:
        # There is no process in it yet.
        return True
    except OSError:
        return False
