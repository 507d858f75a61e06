"""A log of a job as text: decoded as it is read, with line feeds at the ends of lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Self, TypeVar

from ..attached import Attached
from .output import FetchedOutput, JobOutput
from .text_mode import TextMode

_Log = TypeVar("_Log", bound=FetchedOutput)


class DecodedOutput(Attached, Generic[_Log]):
    """Text of a log that was decoded for a reader and not returned yet."""

    def __init__(self, output: _Log, mode: TextMode) -> None:
        self._output = output
        self.encoding, self.errors = mode
        self._decoder = mode.decoder()
        self._text = ""
        self._scanned = 0
        self._at_end = False

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._output.closed

    def close(self) -> None:
        """Close the log; the job continues."""
        self._output.close()
        self._text = ""

    def _add(self, data: bytes) -> None:
        """Decode more; empty bytes mean that the log has ended."""
        self._at_end = not data
        self._text += self._decoder.decode(data, final=self._at_end)

    def _take_line(self) -> str | None:
        """Return the next whole line, or None if it was not fetched yet."""
        found = self._text.find("\n", self._scanned)
        self._scanned = len(self._text)
        return self._give(found + 1) if found >= 0 else None

    def _give(self, size: int) -> str:
        text, self._text = self._text[:size], self._text[size:]
        self._scanned = 0
        return text


class TextJobOutput(DecodedOutput[JobOutput]):
    """A log as text, with line feeds at the ends of lines. Reading raises what the worker refuses, and UnicodeDecodeError.

    `encoding` and `errors` are those of `output`.
    """

    def read(self, size: int = -1) -> str:
        """Wait for `size` characters, or with -1 for the end, and return them; fewer at the end."""
        while size < 0 or len(self._text) < size:
            if not self._fetch():
                break
        return self._give(len(self._text) if size < 0 else size)

    def readline(self) -> str:
        """Wait for a whole line and return it; an empty text at the end."""
        while (line := self._take_line()) is None:
            if not self._fetch():
                return self._give(len(self._text))
        return line

    def __iter__(self) -> Iterator[str]:
        """Iterate over the lines as they arrive."""
        while line := self.readline():
            yield line

    def __enter__(self) -> Self:
        """Return itself; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _fetch(self) -> bool:
        if self._at_end:
            return False
        self._add(self._output.read1())
        return True
