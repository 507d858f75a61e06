"""Reaps processes that lost their parent where the worker is process 1, as in many containers: they become its children.

Such are a keeper that was killed, and what it held together. Elsewhere another process 1 does this.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

from .supervisor.containment.processes import all_pids, mark_of, read_stat

# The exit status of a job's process stays readable while it is a zombie: so long the next supervisor has for it.
_ADOPTION_SECONDS = 10
# Children of our own, whose ends somebody here waits for.
awaited: set[int] = set()


def reap_from_now_on(loop: asyncio.AbstractEventLoop) -> None:
    """Begin, if this is process 1."""
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
