"""Which logs a handle of a job opens: of which stream and attempt, from where on, as bytes, as text, or as lines with times.

The same for both clients. How a log is read is up to the handle: that of a client that blocks (job_logs.py), or of one on an event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Literal, TypeVar, overload

from ..known_jobs import Handle, Record, StreamName
from ..options.arguments import Text
from .output import FROM_THE_FIRST, Reading, reading_of
from .text_mode import TextMode, text_mode
from .timed_lines import Wanted

if TYPE_CHECKING:
    from datetime import datetime, timedelta

# A log as bytes, one as text, and what iterates over lines.
Output = TypeVar("Output")
TextOutput = TypeVar("TextOutput")
Lines = TypeVar("Lines")


class OpenedLogs(Handle, Generic[Output, TextOutput, Lines]):
    """A handle that opens the logs of a job."""

    def __init__(self, record: Record, args: tuple[Text, ...]) -> None:
        super().__init__(record, args)
        self._stdout: Output | None = None
        self._stderr: Output | None = None

    @property
    def stdout(self) -> Output:
        """The stdout of the job from the first byte of its first attempt; the same one at each access."""
        if self._stdout is None:
            self._stdout = self.read_log("stdout", 0, FROM_THE_FIRST)
        return self._stdout

    @property
    def stderr(self) -> Output:
        """The stderr of the job from the first byte of its first attempt; the same one at each access."""
        if self._stderr is None:
            self._stderr = self.read_log("stderr", 0, FROM_THE_FIRST)
        return self._stderr

    @overload
    def output(
        self,
        stream: StreamName,
        start: int = 0,
        *,
        attempt: int | None = None,
        text: Literal[False] | None = None,
        encoding: None = None,
        errors: None = None,
    ) -> Output: ...
    @overload
    def output(
        self,
        stream: StreamName,
        start: int = 0,
        *,
        attempt: int | None = None,
        text: Literal[True],
        encoding: str | None = None,
        errors: str | None = None,
    ) -> TextOutput: ...
    @overload
    def output(
        self,
        stream: StreamName,
        start: int = 0,
        *,
        attempt: int | None = None,
        text: bool | None = None,
        encoding: str,
        errors: str | None = None,
    ) -> TextOutput: ...
    def output(
        self,
        stream: StreamName,
        start: int = 0,
        *,
        attempt: int | None = None,
        text: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
    ) -> Output | TextOutput:
        """Return a log from a byte on. Each one is read independently. `text`, `encoding`, `errors`: as text, as in `Client.run`.

        `attempt`: that of this attempt, 1 for the first; by default of the last one that has started, and of those that follow it.
        """
        mode = text_mode(text, encoding, errors)
        output = self.read_log(stream, start, reading_of(attempt))
        return output if mode is None else self._as_text(output, mode)

    def log_lines(
        self,
        stream: StreamName | None = None,
        *,
        follow: bool = True,
        tail: int | None = None,
        since: datetime | timedelta | None = None,
        until: datetime | timedelta | None = None,
        attempt: int | None = None,
    ) -> Lines:
        """Iterate over the lines of the job's output with the times at which they arrived, as they come, to its end.

        Lines of both streams, or of one, are in the order in which the worker noticed their ends, which is approximate. `follow` False:
        only what was written so far. `tail`: start with the last lines. `since`, `until`: only what arrived from then, or until then; a
        timedelta is that long ago. `attempt`: as in `output`.
        """
        return self._lines(Wanted(("stdout", "stderr") if stream is None else (stream,), follow, tail, since, until, attempt or 0))

    def read_log(self, stream: StreamName, start: int, reading: Reading) -> Output:
        """Return a log from a byte on: as `reading` says, of one attempt or of several."""
        raise NotImplementedError

    def _as_text(self, output: Output, mode: TextMode) -> TextOutput:
        raise NotImplementedError

    def _lines(self, wanted: Wanted) -> Lines:
        raise NotImplementedError
