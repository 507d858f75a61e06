"""The kernel's namespaces of a process, see namespaces(7): which network, files, names and clocks it sees."""

from __future__ import annotations

import os
from collections.abc import Mapping

# What differs for those who are in another one. That of processes is in `holder.identify`, that of cgroups is nothing that a job sees.
_DIFFERS = {
    "mnt": "the mounted file systems",
    "net": "the network",
    "uts": "the name of the host",
    "ipc": "shared memory",
    "user": "users and groups",
    "time": "the time since the machine was started",
}


def own() -> dict[str, str]:
    """Return the namespaces of this process, as far as the kernel has them."""
    return of("self")


def of(pid: str) -> dict[str, str]:
    """Return the namespaces of a process, as far as this one may read them; empty if it may not."""
    found = {}
    for name in _DIFFERS:
        try:
            found[name] = os.readlink(f"/proc/{pid}/ns/{name}")  # noqa: PTH115 -- each command reads them, and pathlib is slower
        except OSError:
            continue
    return found


def differences(some: Mapping[str, str], others: Mapping[str, str]) -> list[str]:
    """Return in words what differs between two sets of namespaces. What is unknown for one of them does not count."""
    return [words for name, words in _DIFFERS.items() if some.get(name, "") != others.get(name, "") and name in some and name in others]
