"""The progress of a batch: a view of it on a terminal, and a line for each job that ends. Knows no worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from ....schemas.jobs.states import Outcome, OutcomeKind
from ....schemas.naming import JobKey, short_id
from ...library.values.job_info import JobInfo
from ...library.values.run_info import RunInfo
from ..shown.last_lines import last_lines
from ..shown.sentences import failed, how_it_ended, how_many_jobs, title_of
from ..terminal.screen import duration, flush, is_terminal, say, write
from .tally import Running, Tally
from .view import View

# Lines of stderr of a job that failed: as many as there may be, and in a view, where many failures would push each other away.
TAIL_LINES = 5
LINES_ABOVE_A_VIEW = 1
_MICROSECONDS = 1_000_000
# These had no process, or none that ended by itself just now.
_DID_NOT_RUN = (OutcomeKind.CANCELLED, OutcomeKind.FAILED_TO_START)


class Progress:
    """The display of a batch of `total` jobs, until it is closed. `quiet`: no view, and only failed jobs.

    `show_output` shows the output of a job, by its id, title and outcome: then there is no view either, and no line for a successful job.
    """

    def __init__(self, total: int, *, quiet: bool = False, show_output: Callable[[bytes, str, Outcome], None] | None = None) -> None:
        self.tally = Tally(total, time.monotonic())
        self._show_output = show_output
        self._view = View(self.tally) if is_terminal(2) and not quiet and show_output is None else None
        # On a terminal the view counts the jobs that succeeded.
        self._tells_all = not quiet and show_output is None and (self._view is None or not is_terminal(1))
        if self._view is not None:
            self._view.open()

    @property
    def due(self) -> float | None:
        """When `turn` is to be called at the latest, on `time.monotonic`; None: never."""
        return None if self._view is None else self._view.due

    def running(self, owner: bytes) -> list[JobKey]:
        """Return the jobs of this owner that are known to have a process."""
        return [JobKey(owner, job_id) for job_id in self.tally.running]

    def turn(self) -> None:
        """Show what has changed, if it is time."""
        if self._view is not None:
            self._view.turn()

    def runs(self, job_id: bytes, title: str, lasted_us: int = 0) -> None:
        """Count a job that has a process, and has run for this long already."""
        self.tally.runs(job_id, title, time.monotonic() - lasted_us / _MICROSECONDS)
        self._change()

    def waits(self, job_id: bytes) -> None:
        """Count a job that ran, and waits for another attempt."""
        self.tally.waits(job_id)
        self._change()

    def ended(self, job_id: bytes, title: str, outcome: Outcome, tail: bytes) -> None:
        """Report the end of a job, which may never have run; if it failed, with the last lines of its stderr."""
        has_failed = failed(outcome)
        if self._show_output is not None:
            self._show_output(job_id, title, outcome)
            tail = b""
        self.tally.ended(job_id, time.monotonic(), ok=not has_failed, ran=outcome.kind not in _DID_NOT_RUN)
        if has_failed:
            self.tell_failure(job_id, title, outcome, tail)
        elif self._tells_all:
            write(_line(job_id, title, outcome))
            flush()
        self._change()

    def tell_failure(self, job_id: bytes, title: str, outcome: Outcome, tail: bytes) -> None:
        """Report a failed job, with the last lines of its stderr, without counting it."""
        most = TAIL_LINES if self._view is None else LINES_ABOVE_A_VIEW
        say(_line(job_id, title, outcome), *(f"    {text}" for text in last_lines(tail, most)))

    def note_end(self) -> None:
        """Note for the rate that a job that ran has ended, without counting it."""
        self.tally.note_end(time.monotonic())
        self._change()

    def recount(self, run: RunInfo, running: Iterable[JobInfo]) -> None:
        """Show the counts of the worker, and some of the running jobs."""
        now = time.monotonic()
        known = {info.key.id: Running(title_of(info.spec), now - info.lasted_us / _MICROSECONDS) for info in running}
        self.tally.recount(run.jobs, run.ok, run.failed, run.running, known, now - run.lasted_us / _MICROSECONDS)
        self._change()

    def tell_end(self) -> None:
        """On a terminal, close the view with how many jobs have ended, and how long that took."""
        if self._view is not None:
            self.close()
            passed = duration(int((time.monotonic() - self.tally.since) * _MICROSECONDS))
            say(f"{how_many_jobs(self.tally.done)} ended in {passed}: {self.tally.ok} ok, {self.tally.failed} failed")

    def close(self) -> None:
        """Restore the terminal."""
        if self._view is not None:
            self._view.close()

    def _change(self) -> None:
        if self._view is not None:
            self._view.change()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End."""
        self.close()


def _line(job_id: bytes, title: str, outcome: Outcome) -> str:
    return f"{short_id(job_id)} {title}: {how_it_ended(outcome)}"
