"""A file or folder of a job that is read piece by piece on a thread; the `Reading` of broker/depot.py.

The digest at the end is of everything from the first byte on: a fetch that resumes in the middle reads the earlier bytes once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...broker.depot import Fetched, Piece
from ...schemas.naming import AttemptKey
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.trees.reading import Source, changed
from ..state import job_folders
from .threads import Threads


class OutgoingFile:
    """One file or folder, from `start` on. With a `validator`, it must be unchanged since the reply that contained it."""

    def __init__(self, threads: Threads, work: str, key: AttemptKey, path: bytes, start: int, validator: bytes) -> None:
        self._threads = threads
        self._work = work
        self._key = key
        self._path = path
        self._start = start
        self._validator = validator
        self._source: Source | None = None
        self._bytes: Iterator[bytes] = iter(())
        import hashlib  # noqa: PLC0415 -- it loads OpenSSL, which an idle worker does without

        self._hasher = hashlib.sha256()
        self._left = b""
        self._is_busy = False
        self._is_closed = False

    def next(self, length: int, then: Callable[[Piece | Fetched | Refused], None]) -> None:
        """Read the next bytes on a thread."""
        self._is_busy = True

        def done(result: Piece | Fetched | Refused) -> None:
            self._is_busy = False
            if self._is_closed:
                self._release()
            else:
                then(result)

        self._threads.run(lambda: self._attempt(length), done, done)

    def close(self) -> None:
        """Stop reading."""
        self._is_closed = True
        if not self._is_busy:
            self._release()

    def _release(self) -> None:
        # A generator that did not finish keeps the folders of its walk open until it is closed.
        if (close := getattr(self._bytes, "close", None)) is not None:
            close()
        if self._source is not None:
            self._source.close()

    def _attempt(self, length: int) -> Piece | Fetched | Refused:
        try:
            return self._read(length)
        except Refused as refused:
            return refused
        except OSError as error:
            return job_folders.cannot_be_read(self._source.said if self._source else "it", error)

    def _read(self, length: int) -> Piece | Fetched | Refused:
        source = self._source
        if source is None:
            source = self._open()
        data = self._left or next(self._bytes, b"")
        while not data and (more := next(self._bytes, None)) is not None:
            data = more
        survey = source.survey
        if not data:
            return Fetched(survey.size, self._hasher.digest(), survey.kind, survey.mode)
        data, self._left = data[:length], data[length:]
        self._hasher.update(data)
        return Piece(data, survey.kind, survey.validator)

    def _open(self) -> Source:
        source = self._source = job_folders.open_source(self._work, self._key, self._path)
        survey = source.survey
        if self._validator and survey.validator != self._validator:
            raise changed(source.said)
        if self._start > survey.size:
            message = f"{source.said} has {survey.size} bytes and cannot be read from {self._start}"
            raise Refused(Code.OUT_OF_RANGE, message, reason=Reason.BEYOND_END)
        self._bytes = source.read()
        before = self._start
        while before and not self._is_closed:
            data = next(self._bytes)
            self._hasher.update(data[:before])
            self._left = data[before:]
            before -= min(before, len(data))
        return source
