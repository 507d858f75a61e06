"""Find the log folders of attempts: by process and start, or by handle.

The supervisor imports this: nothing heavy may be imported here.
"""

# pathlib would cost the supervisor a megabyte.
# ruff: noqa: PTH112, PTH208
from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from ....schemas.naming import format_folder, format_time, parse_folder
from .folders import run_path
from .job_files import read_job


def find_run(logs: str, pid: int, started_at_us: int, ended_at_us: int = 0) -> str | None:
    """Return the folder of a run by its process and start, with or without its end; None if there is none."""
    path = run_path(logs, pid, started_at_us, ended_at_us)
    if os.path.isdir(path):
        return path
    if ended_at_us:
        # The folder may not have been renamed, because that failed.
        path = run_path(logs, pid, started_at_us)
        return path if os.path.isdir(path) else None
    beginning = f"{format_folder(pid, started_at_us)}_"
    with contextlib.suppress(OSError):
        for name in os.listdir(logs):
            if name.startswith(beginning):
                return f"{logs}/{name}"
    return None


def find_ended(logs: str, handles: set[str], since_us: int = 0, unread: Callable[[str, OSError], object] | None = None) -> dict[str, str]:
    """Return the folders of ended jobs by handle; the newest are read first, until all are found.

    Folders of jobs that started before `since_us` are skipped: a job does not start before it was accepted. `unread` is called with the
    name of each folder that cannot be read: it may belong to one of the jobs.
    """
    since = format_time(since_us)
    try:
        names = os.listdir(logs)
    except FileNotFoundError:
        # Somebody removed all logs.
        return {}
    ended = [
        name
        for name in names
        if name.count("_") == 2 and name.split("_")[1] >= since and parse_folder(name) is not None  # noqa: PLR2004 -- pid, start, end
    ]
    # The end is the last part of the name, and times sort as text.
    ended.sort(key=lambda name: name.rpartition("_")[2], reverse=True)
    found: dict[str, str] = {}
    for name in ended:
        if len(found) == len(handles):
            break
        try:
            job = read_job(f"{logs}/{name}")
        except OSError as error:
            if unread is not None and not isinstance(error, (FileNotFoundError, NotADirectoryError)):
                unread(name, error)
            continue
        except ValueError:
            continue
        if job.handle in handles:
            found.setdefault(job.handle, f"{logs}/{name}")
    return found
