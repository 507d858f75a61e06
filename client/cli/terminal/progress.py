"""The progress of a batch: a bar on a terminal, and a line for each job that ends. Knows no worker."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from ....schemas.job import Outcome
from .departure import Departure
from .last_lines import last_lines
from .screen import flush, is_terminal, say, write
from .sentences import failed, how_it_ended

# Lines of stderr of a job that failed.
TAIL_LINES = 5


class Progress:
    """The display of a batch of `total` jobs, until it is closed. `quiet`: no bar, and only jobs that failed."""

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        self._total = total
        self._running: set[bytes] = set()
        self._failed = 0
        self._bar: Any = None
        if is_terminal(2) and not quiet:
            self._bar = _draw()
            self._task = self._bar.add_task("", total=total)
            self._departure = Departure(self._bar.stop, self._bar.start).__enter__()
            self._bar.start()
        # On a terminal the bar counts the jobs that succeeded.
        self._tells_all = not quiet and (self._bar is None or not is_terminal(1))

    def runs(self, job_id: bytes) -> None:
        """Count a job that has a process; once, however often this is reported."""
        self._running.add(job_id)
        self._show()

    def ended(self, job_id: bytes, title: str, outcome: Outcome, tail: bytes) -> None:
        """Report the end of a job, which may never have run; if it failed, with the last lines of its stderr."""
        self._running.discard(job_id)
        line = f"{title}: {how_it_ended(outcome)}"
        if failed(outcome):
            self._failed += 1
            say(line, *(f"    {text}" for text in last_lines(tail, TAIL_LINES)))
        elif self._tells_all:
            write(line)
            flush()
        self._show(1)

    def _show(self, advance: int = 0) -> None:
        if self._bar is not None:
            self._bar.update(self._task, advance=advance, description=f"{len(self._running)} running, {self._failed} failed")

    def close(self) -> None:
        """Restore the terminal."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            self._departure.__exit__(None, None, None)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End."""
        self.close()


def _draw() -> Any:
    from rich.console import Console  # noqa: PLC0415 -- expensive, and only a terminal needs it
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 -- as above
    from rich.progress import Progress as Bar  # noqa: PLC0415 -- as above

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    return Bar(*columns, console=Console(stderr=True))
