"""Where the cgroup v2 tree is mounted, and the folders in it."""

# ruff: noqa: PTH106 -- pathlib is not light
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from ...keeper.light_process import say
from ...mounts import read_mounts
from .processes import cgroup_of

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
PREFIX = "jobwire-"
CONTROLLED = "cgroup.controllers"
JOB_PREFIX = "job-"
# If only leaves may hold processes (see cgroups(7)), the worker is in a leaf of this name, and its jobs are beside it. Named by
# worker/own_process/leaving.py too.
_LEAF = "jobwire-workers"


class Tree:
    """Where cgroups are mounted. The mount may show only the part of the tree that begins at `root`. `controller`: empty for version 2."""

    def __init__(self, mount: str, root: str, controller: str = "") -> None:
        self._mount = mount
        self._root = root
        self._controller = controller

    def folder_of(self, pid: int) -> str:
        """Return the folder of the cgroup of a process."""
        return f"{self._mount}{cgroup_of(pid, self._controller).removeprefix(self._root)}".rstrip("/")

    def above(self, pid: int) -> str:
        """Return the folder in which this process may create cgroups: its own, unless that is the leaf for workers."""
        return self.folder_of(pid).removesuffix(f"/{_LEAF}")


def find_tree(controller: str = "") -> Tree | None:
    """Return where the cgroup v2 tree with this process is mounted, or the v1 hierarchy of a controller; None if it is not."""
    own = cgroup_of(os.getpid(), controller)
    for mount in read_mounts():
        root = mount.root.rstrip("/")
        is_it = mount.kind == "cgroup" and controller in mount.options if controller else mount.kind == "cgroup2"
        # "/.." is outside of the cgroup namespace of this process.
        if is_it and f"{own}/".startswith(f"{root}/") and "/.." not in own:
            return Tree(mount.place, root, controller)
    return None


def leave_for(home: int) -> None:
    """Move this process from the cgroup of a job to the one whose `cgroup.procs` is open here; it exits if that fails."""
    try:
        os.write(home, b"0")
    except OSError as error:
        # In there, this process would be killed with the job. The next supervisor starts outside of it, and adopts the jobs.
        say(f"cannot leave a job's cgroup: {error}")
        os._exit(1)


def job_name(handle: str) -> str:
    """Return the name of a cgroup that belongs to one job only."""
    return f"{JOB_PREFIX}{handle}"


def name_for(status: os.stat_result) -> str:
    """Return the name of the cgroup of a state folder."""
    return f"{PREFIX}{status.st_dev:x}-{status.st_ino:x}"


def read_cpu_us(path: str) -> int | None:
    """Return the CPU time of processes in the cgroup of this folder, and below it; None if the kernel does not report it."""
    try:
        stat = os.open(f"{path}/cpu.stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        name, _, rest = os.read(stat, 512).partition(b" ")
    finally:
        os.close(stat)
    return int(rest.split(maxsplit=1)[0]) if name == b"usage_usec" else None


def below(path: str) -> Iterator[tuple[int, str]]:
    """Iterate over the cgroups below one, each after those below it: a descriptor of the one above it, until the next step, and its name.

    However deep: a job can nest them deeper than Python calls functions, than there are descriptors, and than a path is long. Those that
    are removed meanwhile are left out. Raises OSError if there is no such cgroup.
    """
    here = os.open(path, _FOLDER)
    above: list[tuple[str, list[str]]] = []
    try:
        inner = _inner(here)
        while inner or above:
            if inner:
                name = inner.pop()
                try:
                    entered = os.open(name, _FOLDER, dir_fd=here)
                except OSError:
                    continue
                above.append((name, inner))
                os.close(here)
                here = entered
                inner = _inner(here)
            else:
                outer = os.open("..", _FOLDER, dir_fd=here)
                os.close(here)
                here = outer
                name, inner = above.pop()
                yield here, name
    finally:
        os.close(here)


def _inner(folder: int) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def remove_tree(path: str) -> None:
    """Remove the folder of a cgroup and those below it; a failure is logged."""
    # Files in a cgroup's folder belong to the kernel and disappear with it.
    try:
        for above, name in below(path):
            try:
                os.rmdir(name, dir_fd=above)
            except FileNotFoundError:
                # Somebody else has removed it.
                continue
            except OSError as error:
                say(f"the cgroup {name} in {path} cannot be removed: {error.strerror}")
        os.rmdir(path)
    except FileNotFoundError:
        return
    except OSError as error:
        say(f"the cgroup {path} cannot be removed: {error.strerror}")


def remove_unused(path: str) -> None:
    """Remove those below the folder of a cgroup in which no process is, and itself."""
    with suppress(OSError):
        for above, name in below(path):
            with suppress(OSError):
                os.rmdir(name, dir_fd=above)
        os.rmdir(path)
