"""Remove the log folders of forgotten jobs, on a thread: to unlink a large file can take the disk seconds.

Knows folders and files, not why they go. A log folder holds plain files; one with anything else in it stays, and is named in the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from ...broker.engine import Run
from . import folders, job_files

_log = logging.getLogger(__name__)

# After so many it is told which are gone.
_RUNS_A_TURN = 50


class Sweeper:
    """The thread's work, one piece after the other. Made and used on a running loop."""

    def __init__(self, logs: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._logs = logs
        self._loop = loop
        self._waiting: deque[tuple[Sequence[Run], Callable[[Sequence[Run]], None]]] = deque()
        self._sweeping: asyncio.Task[None] | None = None

    def sweep(self, runs: Sequence[Run], done: Callable[[Sequence[Run]], None]) -> None:
        """Remove the folders of runs; `done` gets those that are gone, on the loop."""
        for at in range(0, len(runs), _RUNS_A_TURN):
            self._waiting.append((runs[at : at + _RUNS_A_TURN], done))
        if self._sweeping is None:
            self._sweeping = self._loop.create_task(self._work())

    def close(self) -> None:
        """Tell nobody any more; what is not removed yet stays."""
        self._waiting.clear()
        if self._sweeping is not None:
            self._sweeping.cancel()

    async def _work(self) -> None:
        try:
            while self._waiting:
                runs, done = self._waiting.popleft()
                done(await self._loop.run_in_executor(None, remove_runs, self._logs, runs))
        finally:
            self._sweeping = None


def remove_runs(logs: Path, runs: Sequence[Run]) -> list[Run]:
    """Remove the folders of runs that have ended; get those that are gone, also where they were before."""
    return [run for run in runs if _remove(logs, run)]


def _remove(logs: Path, run: Run) -> bool:
    # Without an end in its name where that was not seen.
    for ended_at_us in (run.ended_at_us, 0):
        folder = Path(folders.run_path(str(logs), run.pid, run.started_at_us, ended_at_us))
        if not run.pid and not _is_of(folder, run):
            continue
        try:
            # `job` last: it tells whose the folder is, if this is cut short.
            for path in sorted(folder.iterdir(), key=lambda path: path.name == "job"):
                path.unlink()
            folder.rmdir()
        except FileNotFoundError:
            continue
        except OSError as error:
            _log.warning("the logs of a forgotten job stay: %s: %s", folder, error.strerror)
            return False
    return True


def _is_of(folder: Path, run: Run) -> bool:
    """Say whether a folder is of this job: those that could not be started share the pid 0, and perhaps the moment."""
    with contextlib.suppress(OSError, ValueError):
        return job_files.read_job(str(folder)).handle == folders.handle(run.key)
    return False
