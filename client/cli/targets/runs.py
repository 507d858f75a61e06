"""A run of a batch as an argument: which run is meant, and its jobs. Knows no screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ....schemas.refusal import Code, Reason, Refused
from ...library.batch_run import BatchRun
from ...library.client import Client
from ...library.values.job_info import JobInfo
from ...library.values.run_info import RunInfo


class Run(NamedTuple):
    """A run that was named. `by_name`: by the name of its batch, which may have earlier runs."""

    handle: BatchRun
    by_name: bool = False

    @property
    def info(self) -> RunInfo:
        """What is known about it."""
        return self.handle.info

    @property
    def id(self) -> str:
        """The id as text."""
        return self.info.id

    def __str__(self) -> str:
        """Return the id, and the name of the batch if it has one."""
        name = self.info.batch.name
        return f"run {self.id}{f' ({name})' if name else ''}"


def counts(run: RunInfo) -> str:
    """Return how many jobs wait, run, and how the others ended."""
    numbers = {"queued": run.queued, "running": run.running, "ok": run.ok, "failed": run.failed}
    return ", ".join(f"{number} {word}" for word, number in numbers.items() if number)


def state_of(run: RunInfo) -> str:
    """Return the state of a run in a word: queued (none of its jobs runs now), running, or when all have ended, ok or failed."""
    if run.has_ended:
        return "failed" if run.failed else "ok"
    return "running" if run.running else "queued"


def find_run(client: Client, typed: str, *, longest: int = 0, failures: int = 0, tail_lines: int = 0) -> Run:
    """Return the run with this id or id prefix, or the newest run of the batch with this name, with some of its jobs.

    `longest`, `failures`, `tail_lines`: see `Client.batch_run`. Raises Refused: NOT_FOUND if there is none.
    """
    try:
        run = client.batch_run(typed, longest=longest, failures=failures, tail_lines=tail_lines)
    except Refused as refused:
        if refused.code is Code.NOT_FOUND:
            raise no_such_batch(typed) from None
        raise
    return Run(run, by_name=run.info.batch.name == typed.rpartition("/")[2])


def no_such_batch(typed: str) -> Refused:
    """Return the refusal for an unknown batch or run, even if a job has that name."""
    remedy = "jobwire list --runs shows the batches, newest first"
    return Refused(Code.NOT_FOUND, f"there is no batch {typed}", remedy, reason=Reason.NO_SUCH_JOB)


def jobs_of(client: Client, run: Run) -> Iterator[JobInfo]:
    """Iterate over the jobs of a run, oldest first."""
    return client.list(all=True, batch=run.info.batch.id, owner=run.info.owner)


def title_of_all(run: Run) -> str:
    """Return the title of what a command is about: all runs of a batch, if a batch was named."""
    return f"batch {run.info.batch.name}" if run.by_name else str(run)
