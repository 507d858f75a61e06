"""The interface to the store of copied logs on the disk of the broker, of jobs whose workers have left."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from ....schemas.naming import AttemptKey
from ...engine import LogPart, StreamName


class Ends(NamedTuple):
    """The sizes of the two logs of an attempt, and their signed hashes; empty: none."""

    stdout: int
    stderr: int
    stdout_root: bytes = b""
    stderr_root: bytes = b""


class Shelf(Protocol):
    """Keeps logs on the disk of the broker."""

    # Of all together; 0: nothing is kept.
    limit_bytes: int

    def begin(self, key: AttemptKey, size: int, then: Callable[[tuple[int, int] | None], None]) -> None:
        """Reserve space for logs of this many bytes together; `then` gets how many bytes of each are there already, or None: no space."""
        ...

    def add(self, key: AttemptKey, stream: StreamName, data: bytes, then: Callable[[str], None]) -> None:
        """Append bytes to a log; `then` is called with why that failed, or an empty text."""
        ...

    def finish(self, key: AttemptKey, ends: Ends, then: Callable[[str], None]) -> None:
        """Keep both logs from now on if they match the signed hashes; `then` is called with why they do not, or an empty text."""
        ...

    def drop(self, key: AttemptKey) -> None:
        """Remove the logs of an attempt, complete or not."""
        ...

    def has(self, key: AttemptKey) -> bool:
        """Return whether the logs of an attempt are kept."""
        ...

    def read(self, key: AttemptKey, stream: StreamName, start: int, length: int) -> LogPart:
        """Return part of one of the logs."""
        ...

    def tail(self, key: AttemptKey, stream: StreamName, lines: int, most_bytes: int) -> LogPart:
        """Return the last lines of one of the logs."""
        ...


class NoShelf:
    """A shelf that keeps nothing."""

    limit_bytes = 0

    def begin(self, key: AttemptKey, size: int, then: Callable[[tuple[int, int] | None], None]) -> None:  # noqa: ARG002 -- of an interface
        """Answer that there is no room."""
        then(None)

    def add(self, key: AttemptKey, stream: StreamName, data: bytes, then: Callable[[str], None]) -> None:  # noqa: ARG002 -- as above
        """Refuse."""
        then("nothing is kept")

    def finish(self, key: AttemptKey, ends: Ends, then: Callable[[str], None]) -> None:  # noqa: ARG002 -- as above
        """Refuse."""
        then("nothing is kept")

    def drop(self, key: AttemptKey) -> None:
        """Do nothing."""

    def has(self, key: AttemptKey) -> bool:  # noqa: ARG002 -- as above
        """Return False."""
        return False

    def read(self, key: AttemptKey, stream: StreamName, start: int, length: int) -> LogPart:  # noqa: ARG002 -- as above
        """Return nothing."""
        return LogPart(start, b"", 0)

    def tail(self, key: AttemptKey, stream: StreamName, lines: int, most_bytes: int) -> LogPart:  # noqa: ARG002 -- as above
        """Return nothing."""
        return LogPart(0, b"", 0)
