"""Write intents to the disk; if it is full, as soon as there is space.

Jobs must not fail because the disk was full for a moment when they were to start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ...broker.engine import Delayed, Fact, Launch
from ...schemas.jobs.spec import DEFAULT_GRACE_MS
from ...schemas.naming import AttemptKey
from ..state import small_files
from ..state.log_folders import folders, new_folders
from .desk_facts import cancelled, could_not_start, start_delayed

# A launch, and the content of its `job` file; empty if another file says more.
Intent = tuple[Launch, bytes]


class Intents:
    """`written` is called with launches that may be started now, `tell` with facts about others, the latter never during `write`."""

    def __init__(
        self,
        logs: str,
        directory: bytes,
        loop: asyncio.AbstractEventLoop,
        written: Callable[[Sequence[Intent]], None],
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
        """Write intents. A job whose intent cannot be written fails to start, unless the disk is full."""
        written: list[Intent] = []
        facts: list[Fact] = []
        for launch in launches:
            try:
                text = new_folders.write_intent(self._logs, launch, directory=self._directory, grace_ms=DEFAULT_GRACE_MS)
            except OSError as error:
                if error.errno not in small_files.DISK_FULL:
                    facts.append(could_not_start(launch, f"its log folder could not be created: {error.strerror}"))
                elif launch.key not in self._waiting:
                    self._waiting[launch.key] = launch
                    facts.append(Delayed(launch.key, start_delayed(self._logs)))
                continue
            self._waiting.pop(launch.key, None)
            written.append((launch, text))
        self._written(written)
        if facts:
            # Not at once, because the desk is in the middle of a decision.
            self._loop.call_soon(self._tell, facts)
        if self._waiting and self._retry is None:
            self._retry = self._loop.call_later(small_files.RETRY_SECONDS, self._write_again)

    def withdraw(self, key: AttemptKey) -> bool:
        """Cancel a job that waits for disk space; return False if it does not."""
        launch = self._waiting.pop(key, None)
        if launch is None:
            return False
        folders.remove_intent(self._logs, folders.handle(key))
        self._loop.call_soon(self._tell, [cancelled(launch)])
        return True

    def close(self) -> None:
        """Stop retrying."""
        if self._retry is not None:
            self._retry.cancel()

    def _write_again(self) -> None:
        self._retry = None
        self.write(list(self._waiting.values()))
