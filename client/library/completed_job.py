"""The result of a job, and the exceptions for one that failed or timed out: those of `subprocess`, with what is known about the job.

Imported only when a job has ended or a timeout has passed: `subprocess` is slow to import.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from ...schemas.job import Outcome
from ...schemas.naming import JobKey
from .specs import Text


@dataclass(frozen=True, slots=True, repr=False)
class CompletedJob:
    """A job that has ended; resembles `subprocess.CompletedProcess`."""

    args: Sequence[Text]
    # Negative for a signal.
    returncode: int
    stdout: bytes
    stderr: bytes
    key: JobKey
    pid: int | None
    started_at_us: int
    ended_at_us: int
    outcome: Outcome

    def __repr__(self) -> str:
        """Return the same text as `subprocess.CompletedProcess`."""
        return f"CompletedJob(args={list(self.args)!r}, returncode={self.returncode}, stdout={self.stdout!r}, stderr={self.stderr!r})"

    def check_returncode(self) -> None:
        """Raise `JobFailed`, a `subprocess.CalledProcessError`, if the return code is not 0, or if part of the output was lost."""
        if self.returncode or not self.outcome.is_whole:
            raise JobFailed(self)


class JobFailed(subprocess.CalledProcessError):
    """Raised if `check` is set and the return code of a job is not 0, or part of its output was lost. `job` is its result."""

    def __init__(self, job: CompletedJob) -> None:
        super().__init__(job.returncode, list(job.args), job.stdout, job.stderr)
        self.job = job

    def __str__(self) -> str:
        """Return which command failed, how, and why if that is known."""
        sentence = self.job.outcome.sentence
        sentence = "; ".join(filter(None, [sentence, *self.job.outcome.problems_beside(sentence)]))
        return f"Command {self.cmd!r} failed: {sentence}" if sentence else super().__str__()

    def __reduce__(self) -> tuple[type[JobFailed], tuple[CompletedJob]]:
        """Return how to pickle it."""
        return type(self), (self.job,)


class JobTimeout(subprocess.TimeoutExpired):
    """Raised if a timeout passes before a job ends, with its output so far."""

    def __init__(self, args: Sequence[Text], timeout: float, output: bytes | None = None, stderr: bytes | None = None) -> None:
        super().__init__(list(args), timeout, output, stderr)

    def __reduce__(self) -> tuple[type[JobTimeout], tuple[object, ...]]:
        """Return how to pickle it."""
        return type(self), (self.cmd, self.timeout, self.output, self.stderr)
