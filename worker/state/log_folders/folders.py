"""The names of log folders, and the handles in them.

    STATE/logs/.new-<handle>/                 an intent: accepted, not started
    STATE/logs/<pid>_<start>/                 while it runs
    STATE/logs/<pid>_<start>_<end>/           after it ended (the pid may be reused); pid 0 if it could not be started

The handle of an attempt is its key as one word, in folder names and on the line between worker and supervisor: `<id>.<owner>` in hex for
the first attempt at a job, `<id>.<owner>.2` for the second, and so on.

Used by the worker's engine and by the supervisor, which is kept small: nothing heavy may be imported here. Nothing is synced to the disk
either; what must survive power loss is in the desk's store. The files in a folder: job_files.py and outcomes.py.
"""

# pathlib would cost the supervisor a megabyte, and each start some microseconds.
# ruff: noqa: PTH100, PTH106, PTH108, PTH120, PTH208
from __future__ import annotations

import contextlib
import functools
import os
import re

from ....schemas.naming import AttemptKey, JobKey, format_folder
from .. import layout

INTENT_PREFIX = ".new-"
# A link to the folder of an ended job whose pipes a process may still write to.
LINGERS_PREFIX = ".lingers-"
STREAMS = ("stdout", "stderr")
# Of the files `job` and `outcome`.
VERSION = 1
FOLDER_MODE = 0o700

# The number of the first attempt is left out, so that each attempt has only one handle.
_HANDLE = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{64})(?:\.([2-9]|[1-9][0-9]{1,8}))?")


# Several times for each attempt, within moments.
@functools.lru_cache(maxsize=1024)
def handle(key: AttemptKey) -> str:
    """Return the key of an attempt as one word."""
    return numbered(f"{key.id.hex()}.{key.owner.hex()}", key.attempt)


def numbered(first: str, attempt: int) -> str:
    """Return the handle of an attempt, from that of the first attempt at the same job."""
    return first if attempt == 1 else f"{first}.{attempt}"


def key_of(handle: str) -> AttemptKey:
    """Return the key that `handle` wrote.

    Raises ValueError for anything else.
    """
    found = _HANDLE.fullmatch(handle)
    if found is None:
        raise ValueError(f"{handle!r:.200} is not the handle of a job")
    return AttemptKey(bytes.fromhex(found[2]), bytes.fromhex(found[1]), int(found[3] or 1))


def is_handle(text: str) -> bool:
    """Return whether a text is a handle as `handle` writes it."""
    return _HANDLE.fullmatch(text) is not None


def intent_path(logs: str, handle: str) -> str:
    """Return the path of the intent of a job."""
    return f"{logs}/{INTENT_PREFIX}{handle}"


def remove_intent(logs: str, handle: str) -> None:
    """Remove the intent of a job that will not be started, if there is one."""
    folder = intent_path(logs, handle)
    # If it cannot be removed it is kept, which does no harm.
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            os.unlink(f"{folder}/{name}")
        os.rmdir(folder)


def job_folder_name(key: JobKey | AttemptKey) -> bytes:
    """Return the name of the folder of a job within the folder of all jobs."""
    return f"{key.id.hex()}.{key.owner.hex()}".encode()


def job_folder(work: str, key: JobKey | AttemptKey) -> str:
    """Return the path of the folder of a job, which has a subfolder for each attempt."""
    return f"{work}/{key.id.hex()}.{key.owner.hex()}"


def work_beside(logs: str) -> str:
    """Return the absolute path of the folder of all jobs' folders."""
    return f"{os.path.dirname(os.path.abspath(logs))}/{layout.WORK}"


def key_path(logs: str, handle: str) -> str:
    """Return the absolute path of the key file of a job that may start jobs."""
    return f"{os.path.dirname(os.path.abspath(logs))}/{layout.KEYS}/{handle}"


def input_path(logs: str, handle: str) -> str:
    """Return the absolute path of the file with notes about the input of a job."""
    return f"{os.path.dirname(os.path.abspath(logs))}/{layout.INPUTS}/{handle}"


def lingers_path(logs: str, handle: str) -> str:
    """Return the path of the note that a process of an ended job may still write."""
    return f"{logs}/{LINGERS_PREFIX}{handle}"


def run_path(logs: str, pid: int, started_at_us: int, ended_at_us: int = 0) -> str:
    """Return the path of the folder of a run; without an end while it is running."""
    return f"{logs}/{format_folder(pid, started_at_us, ended_at_us)}"
