"""What a process inherits and cannot raise itself, such as limits. A private worker that has less than this process can be replaced.

Pure except for `facts`.
"""

from __future__ import annotations

import math
import os
import resource
from typing import Any

_LIMITS = ("AS", "CPU", "DATA", "FSIZE", "NOFILE", "NPROC", "RSS", "STACK")


def facts() -> dict[str, Any]:
    """Return the facts about this process; they can be written as JSON."""
    hard = {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1] for name in _LIMITS}
    return {
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "bound": _is_bound(),
        "groups": sorted({*os.getgroups(), os.getegid()}),
        "hard": hard,
    }


def is_poorer(theirs: dict[str, Any], ours: dict[str, Any]) -> bool:
    """Return whether a worker started with the other facts would have more of something and less of nothing."""
    pairs: list[tuple[float, float]] = [(_cost(theirs, name), _cost(ours, name)) for name in ("nice", "bound")]
    pairs += [(-_limit(theirs, name), -_limit(ours, name)) for name in _LIMITS]
    before, after = set(theirs.get("groups", ())), set(ours.get("groups", ()))
    is_worse = any(own > other for other, own in pairs) or not before <= after
    return not is_worse and (any(own < other for other, own in pairs) or before < after)


def _cost(of: dict[str, Any], name: str) -> int:
    # A nice value under 0 is not kept by a private worker.
    return max(0, int(of.get(name, 0)))


def _limit(of: dict[str, Any], name: str) -> float:
    hard = of.get("hard", {}).get(name, resource.RLIM_INFINITY)
    return math.inf if hard == resource.RLIM_INFINITY else float(hard)


def _is_bound() -> int:
    """Return whether programs cannot gain privileges (no_new_privs)."""
    try:
        with open("/proc/self/status", "rb") as file:  # noqa: PTH123 -- pathlib adds nothing here
            return int(b"NoNewPrivs:\t1" in file.read())
    except OSError:
        return 0
