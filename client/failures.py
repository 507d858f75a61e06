"""Exceptions in the manner of `subprocess`. A module of its own because `subprocess` is slow to import."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..schemas.refusal import Refused
from .specs import Text

if TYPE_CHECKING:
    # At run time it is the other way round.
    from .results import CompletedJob

__all__ = ["JobFailed", "JobTimeout", "Refused"]


class JobFailed(subprocess.CalledProcessError):
    """Raised where `check` was said and a job ended with another return code than 0. `job` tells everything."""

    def __init__(self, job: CompletedJob) -> None:
        super().__init__(job.returncode, list(job.args), job.stdout, job.stderr)
        self.job = job

    def __str__(self) -> str:
        """Say what ended how, and why where that was told."""
        sentence = self.job.outcome.sentence
        return f"Command {self.cmd!r} failed: {sentence}" if sentence else super().__str__()

    def __reduce__(self) -> tuple[type[JobFailed], tuple[CompletedJob]]:
        """Survive pickling."""
        return type(self), (self.job,)


class JobTimeout(subprocess.TimeoutExpired):
    """Raised where a timeout passed before a job ended, with its output so far."""

    def __init__(self, args: Sequence[Text], timeout: float, output: bytes | None = None, stderr: bytes | None = None) -> None:
        super().__init__(list(args), timeout, output, stderr)

    def __reduce__(self) -> tuple[type[JobTimeout], tuple[object, ...]]:
        """Survive pickling."""
        return type(self), (self.cmd, self.timeout, self.output, self.stderr)
