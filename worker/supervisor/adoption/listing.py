"""List all log folders, waiting until that is possible: a disk may fail or be missing for a while.

If the supervisor exited instead, the keeper would start another one, again and again, and none of them could do more.
"""

# ruff: noqa: PTH103, PTH116, PTH208 -- pathlib is not light
from __future__ import annotations

import os
import select

from ...keeper.light_process import say
from ...state.log_folders.folders import FOLDER_MODE
from ...state.small_files import RETRY_SECONDS


def list_logs(logs: str) -> list[str]:
    """Return the names in this folder, which is created if missing; empty if the working folder, the state folder, was removed.

    Waits until it can be listed, however long that takes. Nothing reports that a disk is back: so this polls.
    """
    said = ""
    while True:
        try:
            os.makedirs(logs, FOLDER_MODE, exist_ok=True)
            names = os.listdir(logs)
        except OSError as error:
            if _is_removed():
                return []
            why = f"{logs} cannot be listed: {error.strerror}"
            if why != said:
                say(f"{why}; no job is started, stopped or adopted until it can be")
                said = why
            select.poll().poll(RETRY_SECONDS * 1000)
        else:
            if said:
                say(f"{logs} can be listed again")
            return names


def _is_removed() -> bool:
    """Return whether the working folder was removed; False if it cannot be examined."""
    try:
        return os.stat(".").st_nlink == 0
    except OSError:
        return False
