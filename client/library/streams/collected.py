"""Both logs of a job, read completely while it runs; of a retried job, those of the last attempt."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from .output import AttemptEnd, FetchedOutput, JobOutput

if TYPE_CHECKING:
    from .feeder import Feeder

_Log = TypeVar("_Log", bound=FetchedOutput)


class Collected(Generic[_Log]):
    """What was read of both logs of one job; of a retried job, those of the last attempt."""

    def __init__(self, stdout: _Log, stderr: _Log) -> None:
        self._logs = (stdout, stderr)
        self._parts: tuple[list[bytes | memoryview], list[bytes | memoryview]] = ([], [])
        for log, parts in zip(self._logs, self._parts, strict=True):
            log.on_next = _forgetting(parts)

    @property
    def stdout(self) -> bytes:
        """What has been read so far."""
        return b"".join(self._parts[0])

    @property
    def stderr(self) -> bytes:
        """What has been read so far."""
        return b"".join(self._parts[1])

    def close(self) -> None:
        """Close the logs."""
        for log in self._logs:
            log.close()


def _forgetting(parts: list[bytes | memoryview]) -> Callable[[AttemptEnd], None]:
    """Return a function that empties a list when the next attempt is read."""
    return lambda _: parts.clear()


class Collecting(Collected[JobOutput]):
    """Both logs of one job, read as they arrive. A context manager."""

    def __init__(self, pump: Callable[[float | None, Sequence[int]], bool], stdout: JobOutput, stderr: JobOutput) -> None:
        super().__init__(stdout, stderr)
        self._pump = pump

    def finish(self, deadline: float | None, feeder: Feeder | None = None) -> None:
        """Read both logs to their ends, and feed the job meanwhile.

        Raises TimeoutError when the deadline has passed; what was read is kept, and it can be called again.
        """
        while True:
            for log, parts in zip(self._logs, self._parts, strict=True):
                while (data := log.take()) is not None:
                    parts.append(data)
            if all(log.ended for log in self._logs):
                return
            if feeder is not None:
                feeder.advance()
                if feeder.refusal is not None:
                    raise feeder.refusal.anew()
            came = self._pump(*feeder.waited_on(deadline)) if feeder is not None else self._pump(deadline, ())
            if not came and deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError("the job's output has not ended in time")

    def __enter__(self) -> Self:
        """Return itself; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()
