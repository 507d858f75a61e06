"""Reap orphaned processes if the worker is process 1, as in many containers: they become its children.

Examples are a keeper that was killed, and its children. Elsewhere another process 1 does this.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

from ..supervisor.containment.processes import all_pids, mark_of, read_stat

# The exit status of a job's process is readable while it is a zombie: the next supervisor has this long to read it.
_ADOPTION_SECONDS = 10
# Children that this process started itself and waits for.
awaited: set[int] = set()


def reap_from_now_on(loop: asyncio.AbstractEventLoop) -> None:
    """Start to reap orphans, if this is process 1."""
    if os.getpid() == 1:
        loop.add_signal_handler(signal.SIGCHLD, _look, loop)
        _look(loop)


def _look(loop: asyncio.AbstractEventLoop) -> None:
    for pid in _zombies():
        if mark_of(pid):
            loop.call_later(_ADOPTION_SECONDS, _reap, pid)
        else:
            _reap(pid)


def _zombies() -> list[int]:
    stats = ((pid, read_stat(pid)) for pid in all_pids() if pid not in awaited)
    return [pid for pid, stat in stats if stat is not None and stat.parent == os.getpid() and not stat.alive]


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
