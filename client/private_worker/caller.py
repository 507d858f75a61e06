"""Attributes that a process inherits and cannot raise itself, such as limits. A worker that has less than this process can be replaced.

Pure except for `facts`.
"""

from __future__ import annotations

import math
import os
import resource
from typing import Any

from ...keys import code_pages

_LIMITS = (
    "AS",
    "CORE",
    "CPU",
    "DATA",
    "FSIZE",
    "MEMLOCK",
    "MSGQUEUE",
    "NICE",
    "NOFILE",
    "NPROC",
    "RSS",
    "RTPRIO",
    "RTTIME",
    "SIGPENDING",
    "STACK",
)
# More of these is worse.
_COSTS = ("nice", "bound", "idle", "oom", "filtered", "fixed", "mapped")


def facts() -> dict[str, Any]:
    """Return the facts about this process; they can be written as JSON."""
    hard = {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1] for name in _LIMITS}
    return {
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        # Without a privilege, it can be left for no other policy.
        "idle": int(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_IDLE),
        "oom": _oom_score(),
        "mapped": _is_mapped(),
        "fixed": int(code_pages.are_fixed()),
        **_powers(),
        "groups": sorted({*os.getgroups(), os.getegid()}),
        "hard": hard,
    }


def is_poorer(theirs: dict[str, Any], ours: dict[str, Any]) -> bool:
    """Return whether a worker started with the other facts would have more of something and less of nothing."""
    pairs: list[tuple[float, float]] = [(_cost(theirs, name), _cost(ours, name)) for name in _COSTS]
    # A worker of an earlier version says less.
    pairs += [(-_limit(theirs, name), -_limit(ours, name)) for name in _LIMITS if name in theirs.get("hard", {})]
    sets = []
    # Those of a user namespace count only in it, and groups have other numbers there.
    if _cost(theirs, "mapped") == _cost(ours, "mapped"):
        sets.append((set(theirs.get("groups", ())), set(ours.get("groups", ()))))
        if "capabilities" in theirs:
            sets.append((_bits(theirs), _bits(ours)))
    is_worse = any(own > other for other, own in pairs) or not all(before <= after for before, after in sets)
    return not is_worse and (any(own < other for other, own in pairs) or any(before < after for before, after in sets))


def _cost(of: dict[str, Any], name: str) -> int:
    # A nice value or oom_score_adj under 0 is not kept by a private worker.
    return max(0, int(of.get(name, 0)))


def _bits(of: dict[str, Any]) -> set[int]:
    """Return the capabilities that programs may have."""
    known = int(of.get("capabilities", 0))
    return {bit for bit in range(known.bit_length()) if known >> bit & 1}


def _limit(of: dict[str, Any], name: str) -> float:
    hard = of.get("hard", {}).get(name, resource.RLIM_INFINITY)
    return math.inf if hard == resource.RLIM_INFINITY else float(hard)


def _powers() -> dict[str, int]:
    """Return whether programs cannot gain privileges (no_new_privs), how system calls are filtered, and the capabilities there are."""
    try:
        with open("/proc/self/status", "rb") as file:  # noqa: PTH123 -- pathlib adds nothing here
            fields = dict(line.split(b":\t", 1) for line in file if b":\t" in line)
    except OSError:
        return {"bound": 0, "filtered": 0}
    return {
        "bound": int(fields.get(b"NoNewPrivs", b"0")),
        # Linux 5.9 tells how many filters there are.
        "filtered": int(fields.get(b"Seccomp_filters", fields.get(b"Seccomp", b"0"))),
        # Of root those that a program gets when it is executed, which securebits may take away; others get them from files.
        "capabilities": int(fields.get(b"CapBnd" if os.geteuid() else b"CapPrm", b"0"), 16),
    }


def _is_mapped() -> int:
    """Return whether all users are those of a user namespace, see user_namespaces(7)."""
    try:
        with open("/proc/self/uid_map", "rb") as file:  # noqa: PTH123 -- as above
            return int(file.read().split() != [b"0", b"0", b"4294967295"])
    except OSError:
        return 0


def _oom_score() -> int:
    try:
        with open("/proc/self/oom_score_adj", "rb") as file:  # noqa: PTH123 -- as above
            return int(file.read())
    except OSError:
        return 0
