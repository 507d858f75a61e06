"""Move a private worker out of the cgroup of the process that started it, so that it is not killed with that cgroup.

The cgroup of a job is killed when the job ends, that of a login session with the session, that of a service when it stops. In cgroup v2,
and in those hierarchies of version 1 that are used to kill or freeze processes, the worker moves as far up as it is permitted. In the
other hierarchies of version 1 it stays, because they hold limits that somebody set on purpose; there it leaves only the cgroup of a job.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from ...schemas.refusal import Code, Refused
from ..mounts import read_mounts

# Named by cgroup_tree.py and cgroups.py.
_OF_A_JOB = re.compile(r"/jobwire-[0-9a-f]+-[0-9a-f]+/job-[0-9a-f.]+(?=/|$)")
_OF_A_LOGIN = re.compile(r"/session-[^/]+\.scope(?=/|$)")
_UNIFIED = ""
_LEFT = (_UNIFIED, "name=systemd", "freezer")
# If only leaves may hold processes, workers are in this one.
_LEAF = "jobwire-workers"


def leave() -> str:
    """Leave the cgroup. Return a note for the user if that was impossible, else an empty text.

    Raises Refused(FAILED_PRECONDITION) if it is the cgroup of a job and cannot be left.
    """
    note = ""
    for hierarchy, (mount, root) in _mounts().items():
        if hierarchy not in _LEFT and not _OF_A_JOB.search(_own(hierarchy)):
            continue
        own = _own(hierarchy)
        # "/.." is outside of the cgroup namespace of this process.
        inside = f"{own}/".startswith(f"{root}/") and "/.." not in own
        problem = _go_up(mount, own.removeprefix(root) if inside else "", highest=hierarchy in _LEFT)
        if _OF_A_JOB.search(_own(hierarchy)):
            raise Refused(
                Code.FAILED_PRECONDITION,
                f"your private worker would be in the cgroup of the job that starts it, {own}, and would be killed with it: {problem}",
                "start it outside of jobs, for example with: jobwire list",
            )
        if problem and _OF_A_LOGIN.search(own):
            note = f"it is in the cgroup of a login session, {own}, and is killed with it if logind has KillUserProcesses=yes ({problem})"
    return note


def above(own: str) -> list[str]:
    """Return the cgroups above one, from the top, without those of jobs."""
    inside = _OF_A_JOB.search(own)
    parts = (own[: inside.start()] if inside else own.rpartition("/")[0]).strip("/").split("/")
    if inside or own.strip("/"):
        return ["", *("/" + "/".join(parts[: count + 1]) for count in range(len(parts)) if parts[0])]
    return []


def _go_up(mount: str, own: str, *, highest: bool) -> str:
    """Move this process into the uppermost cgroup that accepts it, or the nearest. Return why none does; empty if one does."""
    problem = ""
    for place in above(own) if highest else above(own)[::-1]:
        try:
            _enter(f"{mount}{place}")
        except OSError as error:
            problem = f"{mount}{place} does not accept it: {error.strerror}"
        else:
            return ""
    return problem


def _enter(folder: str) -> None:
    try:
        Path(folder, "cgroup.procs").write_text("0")
    except OSError as error:
        # See cgroups(7), "no internal processes".
        if error.errno != errno.EBUSY:
            raise
        leaf = Path(folder, _LEAF)
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text("0")


def _own(hierarchy: str) -> str:
    # The names of cgroups may have any character but a newline, and need not be UTF-8.
    for line in filter(None, Path("/proc/self/cgroup").read_bytes().split(b"\n")):
        _, names, path = os.fsdecode(line).split(":", 2)
        if hierarchy in names.split(","):
            return path.rstrip("/")
    return ""


def _mounts() -> dict[str, tuple[str, str]]:
    """Return where each hierarchy is mounted, and its cgroup at the mount point."""
    found: dict[str, tuple[str, str]] = {}
    for mount in read_mounts():
        place = mount.place, mount.root.rstrip("/")
        if mount.kind == "cgroup2":
            found.setdefault(_UNIFIED, place)
        elif mount.kind == "cgroup":
            for option in mount.options:
                found.setdefault(option, place)
    return found
