"""Remove the cgroups of state folders in which no supervisor is running: nobody else does, and they would accumulate until the next boot.

A supervisor locks the folder of its cgroup, which is visible from other containers too; for an earlier version, its working folder is
visible within its container. The kernel does not remove a cgroup with processes in it. If one is removed by mistake, its supervisor creates
it again with its next job.
"""

# pathlib is not light.
# ruff: noqa: PTH103, PTH106, PTH116, PTH208
from __future__ import annotations

import os

from ...keeper.light_process import say
from ...state.presence import hold, is_held, is_inhabited
from .cgroup_tree import PREFIX, below, name_for
from .processes import all_pids


class Hold:
    """The lock on the folder of a supervisor's cgroup."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._folder = -1

    def take(self) -> None:
        """Create and lock the folder; repeated if it is removed meanwhile. Raises OSError if it cannot be created."""
        os.makedirs(self._path, exist_ok=True)
        if self._folder >= 0:
            if os.path.samestat(os.fstat(self._folder), os.stat(self._path)):
                return
            os.close(self._folder)
            self._folder = -1
        try:
            self._folder = hold(self._path)
        except OSError as error:
            say(f"the cgroup {self._path} cannot be locked: {error.strerror}")

    def is_only(self) -> bool:
        """Return whether no other process holds it.

        Another supervisor may: if a file system reuses the inode number of a removed state folder, two have the same name.
        """
        return not is_inhabited(self._folder) if self._folder >= 0 else not _is_held(self._path)

    def release(self) -> bool:
        """Unlock it; return whether nobody else holds it."""
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1
        return not _is_held(self._path)


def _is_held(path: str) -> bool:
    try:
        return is_held(path)
    except OSError:
        # It was removed, or is another user's.
        return False


def remove_leftovers(above: str, own: str) -> None:
    """Remove empty cgroups in the folder `above` that belong to other state folders without a running supervisor."""
    try:
        others = {name for name in os.listdir(above) if _is_of_a_state_folder(name)} - {own}
    except OSError:
        return
    if not others:
        return
    for name in others - _inhabited():
        if _remove(f"{above}/{name}"):
            say(f"removed {above}/{name}, which another supervisor left behind")


def _is_of_a_state_folder(name: str) -> bool:
    device, _, inode = name.removeprefix(PREFIX).partition("-")
    return name.startswith(PREFIX) and _is_hex(device) and _is_hex(inode)


def _is_hex(text: str) -> bool:
    return bool(text) and not text.strip("0123456789abcdef")


def _inhabited() -> set[str]:
    """Return the cgroup names for the working folders of all processes.

    The working folder of a supervisor is its state folder, unless it is starting a job. A supervisor holds a lock on its cgroup too; an
    earlier version does not.
    """
    found = set()
    for pid in all_pids():
        try:
            found.add(name_for(os.stat(f"/proc/{pid}/cwd")))
        except OSError:
            # It has ended, or belongs to another user, whose cgroups cannot be removed from here.
            continue
    return found


def _may_be_empty(path: str) -> bool:
    try:
        with open(f"{path}/cgroup.events") as file:  # noqa: PTH123 -- as above
            return "populated 0" in file.read()
    except FileNotFoundError:
        # Version 1: the kernel refuses to remove one with processes.
        return True


def _remove(path: str) -> bool:
    try:
        if not _may_be_empty(path) or is_held(path):
            return False
        for above, name in below(path):
            os.rmdir(name, dir_fd=above)
        os.rmdir(path)
    except OSError:
        # It belongs to another user, or a process moved in meanwhile.
        return False
    return True
