"""Remove the cgroups of state folders in which no supervisor is running: nobody else does, and they would accumulate until the next boot.

The kernel does not remove a cgroup with processes in it. If the supervisor is running but cannot be seen from here, as in another
container, it creates its cgroup again with its next job.
"""

# pathlib is not light.
# ruff: noqa: PTH106, PTH116, PTH208
from __future__ import annotations

import os

from ...keeper.light_process import say
from .cgroup_tree import PREFIX, name_for
from .processes import all_pids


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
    """Return the names for the working folders of all processes: that of a supervisor is its state folder, from its start."""
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
        if not _may_be_empty(path):
            return False
        for folder, _, _ in os.walk(path, topdown=False):
            os.rmdir(folder)
    except OSError:
        # It belongs to another user, or a process moved in meanwhile.
        return False
    return True
