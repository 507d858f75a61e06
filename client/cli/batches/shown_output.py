"""The output of the jobs of a run, shown as each ends: one after the other and never mixed, as GNU parallel does."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from ....schemas.jobs.states import Outcome
from ....schemas.naming import short_id
from ....schemas.refusal import Refused
from ...library.client import Client
from ...library.known_jobs import StreamName
from ...library.streams.output import Reading
from ..live.progress import Progress
from ..terminal.copying import Copy, step
from ..terminal.outlet import Outlet
from ..terminal.screen import flush, say
from ..terminal.streams import STDERR, STDOUT, Readers
from ..terminal.tagged_lines import Spout, TaggedCopy


class Showing(NamedTuple):
    """How output is shown. `in_order`: in the order of the jobs; `is_tagged`: each line after the name of its job."""

    in_order: bool = False
    is_tagged: bool = False


class Telling(NamedTuple):
    """Which messages are shown while a run is watched. `quiet`: only failures and warnings. `showing`: also the output of its jobs."""

    quiet: bool = False
    showing: Showing | None = None

    def progress(self, connected: Client, jobs: Collection[bytes]) -> Progress:
        """Return the display of a run of jobs with these ids, in their order."""
        shown = None if self.showing is None else ShownOutput(connected, jobs, self.showing).ended
        return Progress(len(jobs), quiet=self.quiet, show_output=shown)


class ShownOutput:
    """The output of jobs with these ids, in the order of the run. Each end is passed once, in any order."""

    def __init__(self, connected: Client, jobs: Iterable[bytes], showing: Showing) -> None:
        self._connected = connected
        self._showing = showing
        self._order = iter(jobs)
        self._next = next(self._order, None)
        self._waiting: dict[bytes, tuple[str, Outcome]] = {}

    def ended(self, job_id: bytes, title: str, outcome: Outcome) -> None:
        """Show the output of a job that has ended, and of jobs after it that had to wait for it.

        Raises ReaderGone and CannotWrite.
        """
        if not self._showing.in_order:
            self._show(job_id, title, outcome)
            return
        self._waiting[job_id] = (title, outcome)
        while self._next is not None and (found := self._waiting.pop(self._next, None)) is not None:
            self._show(self._next, *found)
            self._next = next(self._order, None)

    def _show(self, job_id: bytes, title: str, outcome: Outcome) -> None:
        flush()
        try:
            self._copy(job_id, title, "stdout", outcome.stdout_bytes)
            self._copy(job_id, title, "stderr", outcome.stderr_bytes)
        except Refused as refused:
            # It was forgotten at once, for example.
            say(f"the output of job {short_id(job_id)} cannot be shown: {refused}")

    def _copy(self, job_id: bytes, title: str, stream: StreamName, size: int) -> None:
        if not size:
            return
        job = self._connected.job_by_key(self._connected.connection.identity.owner, job_id)
        output = job.read_log(stream, 0, Reading(goes_on=False))
        outlet = Outlet(STDOUT if stream == "stdout" else STDERR)
        # Not further: what a job leaves behind (--linger) may write for ever.
        copy = TaggedCopy(output, Spout(outlet), title, size) if self._showing.is_tagged else Copy(output, outlet, size)
        readers = Readers([outlet.fd])
        try:
            while not copy.is_done:
                step(self._connected, [copy], readers)
        finally:
            readers.close()
            outlet.close()
            output.close()
