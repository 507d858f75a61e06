"""Where the tree of cgroups (version 2) is mounted, and the folders in it."""

# ruff: noqa: PTH106 -- pathlib is not light
from __future__ import annotations

import os

from ...keeper.light_process import say
from .processes import cgroup_of

PREFIX = "jobwire-"


class Tree:
    """Where cgroups are mounted. The mount may show only the part of the tree that begins at `root`."""

    def __init__(self, mount: str, root: str) -> None:
        self._mount = mount
        self._root = root

    def folder_of(self, pid: int) -> str:
        """Return the folder of the cgroup of a process."""
        return f"{self._mount}{cgroup_of(pid).removeprefix(self._root)}".rstrip("/")


def find_tree() -> Tree | None:
    """Return where the cgroup v2 tree with this process is mounted, or None; see proc_pid_mountinfo(5)."""
    own = cgroup_of(os.getpid())
    with open("/proc/self/mountinfo") as file:  # noqa: PTH123 -- as above
        for line in file:
            fields = line.split(" ")
            root, mount = fields[3].rstrip("/"), fields[4].replace("\\040", " ")
            # "/.." is outside of the cgroup namespace of this process.
            if fields[fields.index("-") + 1] == "cgroup2" and f"{own}/".startswith(f"{root}/") and "/.." not in own:
                return Tree(mount, root)
    return None


def name_for(status: os.stat_result) -> str:
    """Return the name of the cgroup of a state folder."""
    return f"{PREFIX}{status.st_dev:x}-{status.st_ino:x}"


def remove_tree(path: str) -> None:
    """Remove the folder of a cgroup and those below it; a failure is logged."""
    # Files in a cgroup's folder belong to the kernel and disappear with it.
    for folder, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(folder)
        except OSError as error:
            say(f"the cgroup {folder} cannot be removed: {error.strerror}")
