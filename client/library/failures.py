"""Exceptions derived from those of `subprocess`, in a module of their own because `subprocess` is slow to import."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...schemas.refusal import Refused
from .specs import Text

if TYPE_CHECKING:
    # At run time it is the other way round.
    from .results import CompletedJob

__all__ = ["JobFailed", "JobTimeout", "Refused"]


class JobFailed(subprocess.CalledProcessError):
    """Raised if `check` is set and the return code of a job is not 0. `job` is its result."""

    def __init__(self, job: CompletedJob) -> None:
        super().__init__(job.returncode, list(job.args), job.stdout, job.stderr)
        self.job = job

    def __str__(self) -> str:
        """Return which command failed, how, and why if that is known."""
        sentence = self.job.outcome.sentence
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
