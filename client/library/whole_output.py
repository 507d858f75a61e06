"""The whole output of a job, collected while it runs."""

from __future__ import annotations

import time
from typing import Self

from .output import JobOutput
from .session import Session


class Collecting:
    """Both logs of one job, read as they come. A context manager."""

    def __init__(self, session: Session, stdout: JobOutput, stderr: JobOutput) -> None:
        self._session = session
        self._logs = (stdout, stderr)
        self._parts: tuple[list[bytes | memoryview], list[bytes | memoryview]] = ([], [])

    @property
    def stdout(self) -> bytes:
        """What has been read so far."""
        return b"".join(self._parts[0])

    @property
    def stderr(self) -> bytes:
        """What has been read so far."""
        return b"".join(self._parts[1])

    def finish(self, deadline: float | None) -> None:
        """Read both logs to their ends.

        Raises TimeoutError when the deadline has passed; what was read is kept, and it can be called again.
        """
        while True:
            for log, parts in zip(self._logs, self._parts, strict=True):
                while (data := log.take()) is not None:
                    parts.append(data)
            if all(log.ended for log in self._logs):
                return
            if not self._session.pump(deadline) and deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError("the job's output has not ended in time")

    def close(self) -> None:
        """Close the logs."""
        for log in self._logs:
            log.close()

    def __enter__(self) -> Self:
        """Return itself; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()
