"""Remove the log folders of forgotten jobs, and the jobs' own folders, on a thread: unlinking a large file can take seconds.

Knows folders and files, not why they are removed. A log folder contains only plain files; one with anything else is kept, and named in the
log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from ...broker.engine import Run
from ...broker.own_process.threads import Pool
from . import job_folders
from .log_folders import folders, job_files

_log = logging.getLogger(__name__)


class Sweeper:
    """The queue of the thread. Created and used on a running loop."""

    def __init__(self, logs: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._logs = logs
        self._loop = loop
        self._thread = Pool(1, "sweep")
        self._waiting: deque[tuple[Sequence[Run], Callable[[Sequence[Run]], None]]] = deque()
        self._sweeping: asyncio.Task[None] | None = None
        self._is_closed = False

    def sweep(self, runs: Sequence[Run], done: Callable[[Sequence[Run]], None]) -> None:
        """Remove the folders of runs; `done` is called once, on the loop, with those that are gone."""
        self._waiting.append((runs, done))
        if self._sweeping is None:
            self._sweeping = self._loop.create_task(self._work())

    def close(self) -> None:
        """Stop at the next file; folders that are not removed yet are kept, and `done` is not called."""
        self._is_closed = True
        self._waiting.clear()
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._thread.shutdown(cancel_futures=True)

    async def _work(self) -> None:
        try:
            while self._waiting:
                runs, done = self._waiting.popleft()
                done(await self._loop.run_in_executor(self._thread, remove_runs, self._logs, runs, self._goes_on))
        finally:
            self._sweeping = None

    def _goes_on(self) -> bool:
        return not self._is_closed


def remove_runs(logs: Path, runs: Sequence[Run], go_on: Callable[[], bool]) -> list[Run]:
    """Remove the folders of runs that have ended, as long as `go_on()`; return those that are gone, including those gone before."""
    return [run for run in runs if go_on() and _remove(logs, run) and _remove_job_folder(logs, run, go_on)]


def _remove_job_folder(logs: Path, run: Run, go_on: Callable[[], bool]) -> bool:
    work = folders.work_beside(str(logs))
    if os.path.isdir(folders.job_folder(work, run.key)):  # noqa: PTH112 -- in the words of folders.py
        try:
            job_folders.remove(work, run.key.job, go_on)
        except OSError as error:
            if not go_on():
                return False
            _log.warning("the folder of a forgotten job cannot be removed: %s: %s", folders.handle(run.key), error.strerror)
            return False
    return True


def _remove(logs: Path, run: Run) -> bool:
    # The name has no end if that was not seen.
    for ended_at_us in (run.ended_at_us, 0):
        folder = Path(folders.run_path(str(logs), run.pid, run.started_at_us, ended_at_us))
        if not run.pid and not _is_of(folder, run):
            continue
        try:
            # `job` last: if this is interrupted, it shows whose folder it is.
            for path in sorted(folder.iterdir(), key=lambda path: path.name == "job"):
                path.unlink()
            folder.rmdir()
        except FileNotFoundError:
            continue
        except OSError as error:
            _log.warning("the logs of a forgotten job cannot be removed: %s: %s", folder, error.strerror)
            return False
    return True


def _is_of(folder: Path, run: Run) -> bool:
    """Return whether a folder belongs to this job: jobs that could not be started all have the pid 0, and may have the same start."""
    with contextlib.suppress(OSError, ValueError):
        return job_files.read_job(str(folder)).handle == folders.handle(run.key)
    return False
