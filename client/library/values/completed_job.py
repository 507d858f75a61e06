"""The result of a job, and the exceptions for a failure or timeout: those of `subprocess`, with details about the job.

Imported only when a job has ended or a timeout has passed: `subprocess` is slow to import.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Generic, TypeVar

from ....schemas.jobs.states import Outcome
from ....schemas.naming import JobKey
from ..options.arguments import Text
from ..streams.text_mode import TextMode

_Output = TypeVar("_Output", bytes, str)


@dataclass(frozen=True, slots=True, repr=False)
class Completed(Generic[_Output]):
    """A job that has ended; resembles `subprocess.CompletedProcess`."""

    args: Sequence[Text]
    # Negative for a signal.
    returncode: int
    stdout: _Output
    stderr: _Output
    key: JobKey
    pid: int | None
    started_at_us: int
    ended_at_us: int
    outcome: Outcome

    def __repr__(self) -> str:
        """Return the same text as `subprocess.CompletedProcess`."""
        name, args = type(self).__name__, list(self.args)
        return f"{name}(args={args!r}, returncode={self.returncode}, stdout={self.stdout!r}, stderr={self.stderr!r})"

    @property
    def succeeded(self) -> bool:
        """Whether the return code is 0, the job got all of its input, and no part of the output was lost."""
        return not self.returncode and self.outcome.is_whole and not self.outcome.stdin_problem

    def check_returncode(self) -> None:
        """Raise `JobFailed`, a `subprocess.CalledProcessError`, unless the job succeeded."""
        if not self.succeeded:
            raise JobFailed(self)


class CompletedJob(Completed[bytes]):
    """A job that has ended, with its output as bytes; resembles `subprocess.CompletedProcess`."""

    __slots__ = ()

    def as_text(self, mode: TextMode) -> CompletedTextJob:
        """Return the result with its output as text.

        Raises UnicodeDecodeError for output that is not in the encoding.
        """
        return self._with_output(mode.decode(self.stdout), mode.decode(self.stderr))

    def failure(self, mode: TextMode | None) -> JobFailed:
        """Return the exception for a failed job; with a mode its output is text, in which invalid bytes are escaped."""
        if mode is None:
            return JobFailed(self)
        return JobFailed(self._with_output(mode.decode_for_error(self.stdout), mode.decode_for_error(self.stderr)))

    def _with_output(self, stdout: str, stderr: str) -> CompletedTextJob:
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        return CompletedTextJob(**known | {"stdout": stdout, "stderr": stderr})


class CompletedTextJob(Completed[str]):
    """A job that has ended, with its output as text; resembles `subprocess.CompletedProcess`."""

    __slots__ = ()


class JobFailed(subprocess.CalledProcessError):
    """Raised if `check` is set and the return code of a job is not 0, or part of its output was lost. `job` is its result."""

    def __init__(self, job: Completed[bytes] | Completed[str]) -> None:
        super().__init__(job.returncode, list(job.args), job.stdout, job.stderr)
        self.job = job

    def __str__(self) -> str:
        """Return which command failed, how, and the reason if known."""
        sentence = self.job.outcome.sentence
        sentence = "; ".join(filter(None, [sentence, *self.job.outcome.problems_beside(sentence)]))
        return f"Command {self.cmd!r} failed: {sentence}" if sentence else super().__str__()

    def __reduce__(self) -> tuple[type[JobFailed], tuple[Completed[bytes] | Completed[str]]]:
        """Return how to pickle it."""
        return type(self), (self.job,)


class JobTimeout(subprocess.TimeoutExpired):
    """Raised if a timeout passes before a job ends, with its output so far."""

    def __init__(self, args: Sequence[Text], timeout: float, output: bytes | str | None = None, stderr: bytes | str | None = None) -> None:
        super().__init__(list(args), timeout, output, stderr)

    def __reduce__(self) -> tuple[type[JobTimeout], tuple[object, ...]]:
        """Return how to pickle it."""
        return type(self), (self.cmd, self.timeout, self.output, self.stderr)
