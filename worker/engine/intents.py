"""Puts intents on disk, and those for which it has no room as soon as it has.

A disk that is full for a moment must not make all fail that waits for its turn.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence

from ...broker.engine import Delayed, Fact, Launch
from ...schemas.naming import AttemptKey
from ...schemas.spec import DEFAULT_GRACE_MS
from ..state import folders, job_files, small_files
from .facts import cancelled, could_not_start, start_delayed


class Intents:
    """`written` gets those that may be started now, `tell` facts about the others, never during a call of `write`."""

    def __init__(
        self,
        logs: str,
        directory: bytes,
        loop: asyncio.AbstractEventLoop,
        written: Callable[[Sequence[Launch]], None],
        tell: Callable[[Sequence[Fact]], None],
    ) -> None:
        self._logs = logs
        self._directory = directory
        self._loop = loop
        self._written = written
        self._tell = tell
        self._waiting: dict[AttemptKey, Launch] = {}
        self._retry: asyncio.TimerHandle | None = None

    def write(self, launches: Sequence[Launch]) -> None:
        """Write them; one that cannot be written is a job that cannot start."""
        written: list[Launch] = []
        facts: list[Fact] = []
        for launch in launches:
            try:
                job_files.write_intent(self._logs, launch, directory=self._directory, grace_ms=DEFAULT_GRACE_MS)
            except OSError as error:
                if error.errno not in small_files.DISK_FULL:
                    facts.append(could_not_start(launch, f"its log folder could not be made: {error.strerror}"))
                elif launch.key not in self._waiting:
                    self._waiting[launch.key] = launch
                    facts.append(Delayed(launch.key, start_delayed(self._logs)))
                continue
            self._waiting.pop(launch.key, None)
            written.append(launch)
        self._written(written)
        if facts:
            # Not at once: the desk is in the middle of deciding.
            self._loop.call_soon(self._tell, facts)
        if self._waiting and self._retry is None:
            self._retry = self._loop.call_later(small_files.RETRY_SECONDS, self._write_again)

    def withdraw(self, key: AttemptKey) -> bool:
        """Forget one that waits for room, whose job thereby ends; False if there is no such one."""
        launch = self._waiting.pop(key, None)
        if launch is None:
            return False
        shutil.rmtree(folders.intent_path(self._logs, folders.handle(key)), ignore_errors=True)
        self._loop.call_soon(self._tell, [cancelled(launch)])
        return True

    def close(self) -> None:
        """Try no more."""
        if self._retry is not None:
            self._retry.cancel()

    def _write_again(self) -> None:
        self._retry = None
        self.write(list(self._waiting.values()))
