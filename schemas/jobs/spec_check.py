"""Validate the spec of a job: each field within its limits, and together something that Linux could run."""

from __future__ import annotations

import signal

from ..naming import name_problem
from ..refusal import Code, Refused
from ..text.sizes import format_limit
from ..workers import labels as worker_labels
from . import brought_files, claims, conditions, process_limits, retry
from .brought_files import LONGEST_PATH
from .spec import JobSpec, in_home
from .terminal import check_size

# Linux: a single argument or environment string is at most MAX_ARG_STRLEN, 32 pages; see execve(2).
LONGEST_ARGUMENT = 131_072 - 1
# execve(2): arguments and environment together may take a quarter of the stack limit (8 MiB), pointers included.
LARGEST_ARGUMENTS = 2_097_152 - 65_536
LARGEST_STDIN = 1_048_576
# Each costs the worker time and memory, beyond its bytes.
MOST_ARGUMENTS = 65_536
MOST_VARIABLES = 16_384
MOST_LABELS = 64
LONGEST_LABEL = 256
# Among the jobs of one owner; the lowest is its negative.
HIGHEST_PRIORITY = 1000
LONGEST_DURATION_MS = 1000 * 86_400 * 1000
# A file cannot be larger: a file offset has 63 bits.
LARGEST_OUTPUT_LIMIT = (1 << 63) - 1
# The last second of the year 9999, up to which dates can be written.
LATEST_START_US = 253_402_300_799_000_000
_POINTER = 8


def _refuse(message: str) -> Refused:
    return Refused(Code.INVALID_ARGUMENT, message)


def check(spec: JobSpec) -> None:  # noqa: C901, PLR0912 -- a check for each field, and no call for one that is not set
    """Raise `Refused(INVALID_ARGUMENT)`, with a reason in words, unless a worker could try to run this.

    Whether program and folder exist is only known where the job runs, when it starts.
    """
    check_command(spec.argv, spec.environment)
    if b"\0" in spec.directory or len(spec.directory) > LONGEST_PATH:
        raise _refuse(f"the working folder has a NUL byte or is longer than {LONGEST_PATH} bytes")
    if spec.directory and not (spec.directory.startswith(b"/") or in_home(spec.directory)):
        raise _refuse(f"the working folder {spec.directory.decode(errors='replace')!r} is not an absolute path")
    if spec.stdin is not None or spec.feed or spec.terminal is not None:
        _check_input(spec)
    if spec.name and (problem := name_problem(spec.name)):
        raise _refuse(problem)
    if spec.files or spec.outputs:
        brought_files.check(spec.files, spec.outputs)
    if spec.labels:
        _check_labels(spec.labels)
    if spec.after:
        conditions.check(spec.after)
    if not 1 <= spec.stop_signal < signal.NSIG:
        raise _refuse(f"{spec.stop_signal} is not the number of a signal")
    for what, duration in (("time limit", spec.time_limit_ms), ("grace", spec.grace_ms), ("time until it starts", spec.start_in_ms)):
        if duration is not None and duration > LONGEST_DURATION_MS:
            raise _refuse(f"the {what} is longer than 1000 days")
    if spec.priority:
        check_priority(spec.priority)
    if spec.retry is not None:
        _check_retry(spec)
    if spec.cpus or spec.gpus or spec.resources or spec.only_one:
        claims.check(spec.cpus, spec.gpus, spec.resources, spec.only_one)
    if spec.on or spec.not_on:
        worker_labels.check(spec.on, spec.not_on)
    if spec.start_at_us is not None:
        _check_start(spec.start_at_us, spec.start_in_ms)
    if spec.not_after_us is not None or spec.not_after_ms is not None:
        _check_not_after(spec)
    if spec.time_limit_ms == 0:
        raise _refuse("with a time limit of 0 the job could never run")
    if spec.output_limit_bytes is not None and spec.output_limit_bytes > LARGEST_OUTPUT_LIMIT:
        raise _refuse(f"the output limit of {format_limit(spec.output_limit_bytes)} is more than any file can hold")
    if spec.rlimits or spec.memory_bytes is not None or spec.nice is not None or spec.umask is not None:
        process_limits.check(spec.memory_bytes, spec.nice, spec.umask, spec.rlimits)


def check_priority(priority: int) -> None:
    """Raise `Refused(INVALID_ARGUMENT)` unless a job can have this priority."""
    if not -HIGHEST_PRIORITY <= priority <= HIGHEST_PRIORITY:
        raise _refuse(f"the priority {priority} is not from {-HIGHEST_PRIORITY} to {HIGHEST_PRIORITY}")


def _check_start(start_at_us: int | None, start_in_ms: int | None) -> None:
    if start_at_us is None:
        return
    if start_in_ms is not None:
        raise _refuse("a job can start at a time or after a delay, not both")
    if not 0 <= start_at_us <= LATEST_START_US:
        raise _refuse("the time at which the job starts is not between the years 1970 and 9999")


def _check_not_after(spec: JobSpec) -> None:
    if spec.not_after_us is None and spec.not_after_ms is None:
        return
    if spec.not_after_us is not None and spec.not_after_ms is not None:
        raise _refuse("the latest start of a job can be a time or a delay, not both")
    if spec.not_after_us is not None and not 0 <= spec.not_after_us <= LATEST_START_US:
        raise _refuse("the latest start of the job is not between the years 1970 and 9999")
    if spec.not_after_ms is not None and not 0 < spec.not_after_ms <= LONGEST_DURATION_MS:
        raise _refuse("the delay until the latest start of the job is not from 1 ms to 1000 days")
    never = (spec.start_at_us or 0) > (spec.not_after_us or LATEST_START_US) or (spec.start_in_ms or 0) > (
        spec.not_after_ms or LONGEST_DURATION_MS
    )
    if never:
        raise _refuse("the job could never start: its earliest start is after its latest start")


def _check_input(spec: JobSpec) -> None:
    if spec.stdin is not None and len(spec.stdin) > LARGEST_STDIN:
        raise _refuse(f"the standard input has {len(spec.stdin)} bytes, the limit is {LARGEST_STDIN}")
    if spec.feed and spec.stdin is not None:
        raise _refuse("the standard input of a job can be in its spec or a stream, not both")
    if spec.terminal is not None:
        check_size(spec.terminal)
        if spec.stderr_to_stdout:
            raise _refuse("a job on a terminal has only one output stream: leave stderr to stdout out")
        if spec.feed or spec.stdin is not None:
            raise _refuse("a job on a terminal reads what is typed there; it cannot have another standard input")


def _check_retry(spec: JobSpec) -> None:
    if spec.retry is None:
        return
    retry.check(spec.retry)
    if spec.feed:
        message = "a job whose standard input is a stream cannot be retried: what it has read is not kept for the next attempt"
        raise Refused(Code.INVALID_ARGUMENT, message, "give it a standard input that is part of the job, or none")
    if spec.terminal is not None:
        message = "a job on a terminal cannot be retried: everything would have to be typed again"
        raise Refused(Code.INVALID_ARGUMENT, message, "run it without a terminal")


def check_command(argv: tuple[bytes, ...], environment: tuple[tuple[bytes, bytes], ...]) -> None:
    """Raise `Refused(INVALID_ARGUMENT)` unless Linux could take these arguments and variables (execve(2))."""
    counts = (("arguments", argv, MOST_ARGUMENTS), ("environment variables", environment, MOST_VARIABLES))
    for what, things, most in counts:
        if len(things) > most:
            raise _refuse(f"{len(things)} {what} are too many, the limit is {most}")
    if not argv or not argv[0]:
        raise _refuse("no program is given")
    # There may be very many: they are looked at one by one only if one of them is wrong.
    if b"\0" in b"".join(argv) or max(map(len, argv)) > LONGEST_ARGUMENT:
        for position, argument in enumerate(argv):
            if b"\0" in argument:
                raise _refuse(f"argument {position} has a NUL byte, which cannot be passed to a Linux program")
            if len(argument) > LONGEST_ARGUMENT:
                raise _refuse(f"argument {position} has {len(argument)} bytes, but Linux accepts at most {LONGEST_ARGUMENT}")
    total = sum(map(len, argv)) + len(argv) * (1 + _POINTER)
    if environment:
        total += _check_variables(environment)
    if total > LARGEST_ARGUMENTS:
        raise _refuse(f"arguments and environment take {total} bytes, the limit is {LARGEST_ARGUMENTS}")


def _check_variables(environment: tuple[tuple[bytes, bytes], ...]) -> int:
    """Return how many bytes the variables take."""
    total = 0
    for name, value in environment:
        if not name or b"=" in name or b"\0" in name or b"\0" in value:
            raise _refuse(f"the environment variable {name.decode(errors='replace')!r} has an empty name, '=' or a NUL byte")
        if len(name) + len(value) + 1 > LONGEST_ARGUMENT:
            raise _refuse(f"the environment variable {name.decode(errors='replace')!r} is over {LONGEST_ARGUMENT} bytes")
        total += len(name) + len(value) + 2 + _POINTER
    return total


def _check_labels(labels: tuple[tuple[str, str], ...]) -> None:
    if len(labels) > MOST_LABELS:
        raise _refuse(f"{len(labels)} labels are too many, the limit is {MOST_LABELS}")
    for name, value in labels:
        if not name or len(name) + len(value) > LONGEST_LABEL:
            raise _refuse(f"the label {name[:40]!r} has no name or is longer than {LONGEST_LABEL} characters")
