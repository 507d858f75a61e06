"""Type at the terminal of a job for one client: forwards the bytes of its pushes, and reports how many have arrived.

Offsets count from the first byte of this stream. What the job has not read yet waits here, at most a window, and is lost with this process:
the client then reports that it may not have been typed, because it must never be typed twice.
"""

from __future__ import annotations

from collections.abc import Callable

from ....schemas.frames import LARGEST_TYPED
from ....schemas.jobs.terminal import TerminalSize, check_size
from ....schemas.refusal import Refused
from ...engine import Engine, Terminal
from ...jobs.job import Job
from .job_input import JobInput
from .pushed_stream import Pusher

# How long after a key its client is told that it has arrived: later than what is shown for it, which somebody waits for.
_TELL_SECONDS = 0.02
# Once so much was typed since it was told, it is told at once.
_TELL_BYTES = LARGEST_TYPED // 2


class TypingStream(JobInput):
    """Types at one terminal."""

    def __init__(
        self,
        pusher: Pusher,
        engine: Engine,
        *,
        call_later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        super().__init__(pusher, "what is typed")
        self._engine = engine
        self._call_later = call_later
        self._is_about_to_tell = False
        self._terminal: Terminal | None = None
        self._is_open = False
        # The sizes that the terminal gets once it is open: two that differ, so that programs notice the change.
        self._sizes: list[TerminalSize] = []
        self._waiting = bytearray()
        self._typed = 0

    def started(self, job: Job) -> None:
        """Begin: the job has its terminal now."""
        if not self._closed and self._terminal is None:
            self._terminal = self._engine.terminal(job.attempt.key, self)

    def resize(self, size: TerminalSize) -> None:
        """Set the size of the terminal, now or once it is open."""
        try:
            check_size(size)
        except Refused as refused:
            self.refuse(refused)
            return
        if self._is_open and self._terminal is not None:
            self._terminal.resize(size)
        else:
            self._sizes = [*[other for other in self._sizes if other != size][-1:], size]

    def advance(self) -> None:
        """Type what waits, as far as the terminal accepts it, and tell the client so, now or soon."""
        if self._closed or self._terminal is None:
            return
        if not self._is_open:
            self._is_open = True
            for size in self._sizes:
                self._terminal.resize(size)
        typed = self._terminal.type(bytes(self._waiting)) if self._waiting else 0
        del self._waiting[:typed]
        self._typed += typed
        untold = self._typed + LARGEST_TYPED - self._limit
        if untold >= _TELL_BYTES:
            self._tell()
        elif untold and not self._is_about_to_tell:
            self._is_about_to_tell = True
            self._call_later(_TELL_SECONDS, self._tell_now)

    def taken(self) -> None:
        """Ignore that: others may type too."""

    def _tell_now(self) -> None:
        self._is_about_to_tell = False
        if not self._closed:
            self._tell()

    def _tell(self) -> None:
        limit = self._typed + LARGEST_TYPED
        if limit > self._limit:
            self._allow(self._typed, limit)

    def _reached(self) -> int:
        return self._typed + len(self._waiting)

    def _arrived(self) -> int:
        return self._typed

    def _take(self, data: memoryview, *, is_last: bool) -> None:  # noqa: ARG002 -- a terminal has no last byte
        self._waiting += data
        self.advance()

    def _let_go(self) -> None:
        if self._terminal is not None:
            self._terminal.close()
