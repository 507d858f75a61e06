"""Sentences about processes that cannot be signalled, or survive SIGKILL, and why. Sends no signal."""

from __future__ import annotations

import os
import pwd
from collections.abc import Collection, Iterable

from ....schemas.text.printable import printable
from .processes import thread_states
from .sending import why_none_can_be_sent

_MOST_NAMED = 5
_IN_THE_KERNEL = b"D"


def not_ours(pids: Collection[int], what: str) -> str:
    """Return a sentence about processes of other users, which cannot be `what` ("ended"); empty if there are none.

    If signals cannot be sent at all, it says so instead.
    """
    if why := why_none_can_be_sent() if pids else "":
        return _enumerate([f"process {pid} cannot be {what}" for pid in sorted(pids)]) + f": {why}"
    return _enumerate([f"process {pid} belongs to {_owner(pid)} and cannot be {what}" for pid in sorted(pids)])


def outlived_kill(pids: Iterable[int], refused: set[int]) -> str:
    """Return a sentence about processes that still exist long after SIGKILL; `refused` are those of other users."""
    return _enumerate(
        [not_ours([pid], "ended") if pid in refused else f"process {pid} does not end on SIGKILL{_why(pid)}" for pid in sorted(pids)]
    )


def _why(pid: int) -> str:
    return ": it is stuck in the kernel" if _IN_THE_KERNEL in thread_states(pid) else ""


def _owner(pid: int) -> str:
    try:
        user = os.stat(f"/proc/{pid}").st_uid  # noqa: PTH116 -- pathlib is not light
    except OSError:
        return "another user"
    try:
        return printable(pwd.getpwuid(user).pw_name)
    except KeyError:
        return f"user {user}"


def _enumerate(sentences: list[str]) -> str:
    more = [f"{len(sentences) - _MOST_NAMED} more"] if len(sentences) > _MOST_NAMED else []
    return "; ".join(sentences[:_MOST_NAMED] + more)
