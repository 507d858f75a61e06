"""Removes the cgroups of state folders in which no supervisor lives any more: nobody else would, and in each boot more would stay.

The kernel removes none in which a process is. One of a supervisor that cannot be seen from here, as in another container, is made again
with its next job.
"""

# pathlib is not light.
# ruff: noqa: PTH106, PTH116, PTH208
from __future__ import annotations

import os

from ...keeper.light_process import say
from .cgroup_tree import PREFIX, name_for
from .processes import all_pids


def remove_leftovers(above: str, own: str) -> None:
    """Remove cgroups in the folder `above` that are those of other state folders, empty, and of no supervisor that lives."""
    try:
        others = {name for name in os.listdir(above) if _is_of_a_state_folder(name)} - {own}
    except OSError:
        return
    if not others:
        return
    for name in others - _inhabited():
        if _remove(f"{above}/{name}"):
            say(f"{above}/{name} was left behind by another supervisor, and is removed")


def _is_of_a_state_folder(name: str) -> bool:
    device, _, inode = name.removeprefix(PREFIX).partition("-")
    return name.startswith(PREFIX) and _is_hex(device) and _is_hex(inode)


def _is_hex(text: str) -> bool:
    return bool(text) and not text.strip("0123456789abcdef")


def _inhabited() -> set[str]:
    """List the names for the folders in which any process works: a supervisor does in its state folder, from its first moment on."""
    found = set()
    for pid in all_pids():
        try:
            found.add(name_for(os.stat(f"/proc/{pid}/cwd")))
        except OSError:
            # It has ended, or belongs to somebody else, whose cgroups cannot be removed from here.
            continue
    return found


def _remove(path: str) -> bool:
    try:
        with open(f"{path}/cgroup.events") as file:  # noqa: PTH123 -- as above
            if "populated 0" not in file.read():
                return False
        for folder, _, _ in os.walk(path, topdown=False):
            os.rmdir(folder)
    except OSError:
        # Somebody else's, or something moved in meanwhile.
        return False
    return True
