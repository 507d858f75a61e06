"""The spec of a job: what was submitted. Validate it, hash it, and convert it to and from its form on the wire.

Two requests mean the same job if their specs have the same digest. The digest is over the fields, not over bytes of a
serialized message: protobuf is not canonical.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

from ..generated import job_pb2
from ..naming import name_problem
from ..private_parts.c_blake2 import blake2b
from ..private_parts.frozen import frozen, made, replace
from ..refusal import Code, Reason, Refused
from ..text.sizes import format_limit
from . import brought_files, claims, conditions, process_limits, retry, worker_labels
from .brought_files import LONGEST_PATH, BroughtFile
from .conditions import After
from .process_limits import ResourceLimit
from .retry import RetryRule
from .terminal import TerminalSize, check_size

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
# How long a job has to end by itself, by default.
DEFAULT_GRACE_MS = 10_000
# Among the jobs of one owner; the lowest is its negative.
HIGHEST_PRIORITY = 1000
LONGEST_DURATION_MS = 1000 * 86_400 * 1000
# A file cannot be larger: a file offset has 63 bits.
LARGEST_OUTPUT_LIMIT = (1 << 63) - 1
# The last second of the year 9999, up to which dates can be written.
LATEST_START_US = 253_402_300_799_000_000
_POINTER = 8


@frozen
class JobSpec:
    """What to run. Durations in milliseconds, sizes in bytes; None means not set."""

    argv: tuple[bytes, ...]
    environment: tuple[tuple[bytes, bytes], ...] = ()
    directory: bytes = b""
    stdin: bytes | None = None
    name: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    time_limit_ms: int | None = None
    stop_signal: int = signal.SIGTERM
    grace_ms: int | None = None
    output_limit_bytes: int | None = None
    linger: bool = False
    # Standard input arrives as a stream, while the job runs.
    feed: bool = False
    # It runs on a pseudo-terminal, which has this size at first; its output is all in stdout, its input arrives as it is typed.
    terminal: TerminalSize | None = None
    files: tuple[BroughtFile, ...] = ()
    # What is wanted of the job's folder at the end; empty: all of it.
    outputs: tuple[bytes, ...] = ()
    priority: int = 0
    # It waits until it is released.
    held: bool = False
    # Stdout and stderr are one pipe, and all its output is in stdout.
    stderr_to_stdout: bool = False
    # When all of these hold, it starts.
    after: tuple[After, ...] = ()
    # Whether it is tried again when it fails; None: it is not.
    retry: RetryRule | None = None
    # Of all its processes together.
    memory_bytes: int | None = None
    # Of each of its processes.
    nice: int | None = None
    umask: int | None = None
    rlimits: tuple[ResourceLimit, ...] = ()
    # What else it takes while it runs: slots (0: one), GPUs, and amounts of what the operator of the worker defined.
    cpus: int = 0
    gpus: int = 0
    resources: tuple[tuple[str, int], ...] = ()
    # Of its owner's jobs with this name here, one runs at once.
    only_one: str = ""
    # Terms about the labels of the worker that it runs on: all of `on` hold, and none of `not_on`.
    on: tuple[str, ...] = ()
    not_on: tuple[str, ...] = ()
    # It does not start before this moment (microseconds since 1970), or before so much time has passed since it was accepted.
    start_at_us: int | None = None
    start_in_ms: int | None = None
    # It does not start for the first time after this moment, or after so much time has passed since it was accepted.
    not_after_us: int | None = None
    not_after_ms: int | None = None
    # It gets a key with which it may start jobs for its owner.
    may_submit: bool = False

    def at_any_time(self) -> JobSpec:
        """Return it without times before or after which it does not start."""
        return replace(self, start_at_us=None, start_in_ms=None, not_after_us=None, not_after_ms=None) if self.has_times else self

    @property
    def says_until_when(self) -> bool:
        """Whether it says itself after when it does not start for the first time."""
        return self.not_after_us is not None or self.not_after_ms is not None

    @property
    def has_times(self) -> bool:
        """Whether it is to start not before, or not after a time."""
        return any(one is not None for one in (self.start_at_us, self.start_in_ms, self.not_after_us, self.not_after_ms))

    @property
    def has_folder(self) -> bool:
        """Whether the job has a folder of its own."""
        return bool(self.files or self.outputs)


def _refuse(message: str) -> Refused:
    return Refused(Code.INVALID_ARGUMENT, message)


def check(spec: JobSpec) -> None:  # noqa: C901, PLR0912 -- a check for each field, and no call for one that is not set
    """Raise `Refused(INVALID_ARGUMENT)` with one clear sentence unless a worker could try to run this.

    Whether program and folder exist is known only where the job runs, when it starts.
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
        raise _refuse("a job starts at a time or after a time, not both")
    if not 0 <= start_at_us <= LATEST_START_US:
        raise _refuse("the time at which the job starts is not between the years 1970 and 9999")


def _check_not_after(spec: JobSpec) -> None:
    if spec.not_after_us is None and spec.not_after_ms is None:
        return
    if spec.not_after_us is not None and spec.not_after_ms is not None:
        raise _refuse("a job starts not after a time or not after a while, not both")
    if spec.not_after_us is not None and not 0 <= spec.not_after_us <= LATEST_START_US:
        raise _refuse("the time after which the job does not start is not between the years 1970 and 9999")
    if spec.not_after_ms is not None and not 0 < spec.not_after_ms <= LONGEST_DURATION_MS:
        raise _refuse("the time after which the job does not start is not from 1 ms to 1000 days")
    never = (spec.start_at_us or 0) > (spec.not_after_us or LATEST_START_US) or (spec.start_in_ms or 0) > (
        spec.not_after_ms or LONGEST_DURATION_MS
    )
    if never:
        raise _refuse("the job could never start: it is not to start before a time that is later than the one after which it is not to")


def _check_input(spec: JobSpec) -> None:
    if spec.stdin is not None and len(spec.stdin) > LARGEST_STDIN:
        raise _refuse(f"the standard input has {len(spec.stdin)} bytes, the limit is {LARGEST_STDIN}")
    if spec.feed and spec.stdin is not None:
        raise _refuse("a job has a standard input in its spec, or one that is fed as a stream, not both")
    if spec.terminal is not None:
        check_size(spec.terminal)
        if spec.stderr_to_stdout:
            raise _refuse("the output of a job on a terminal is together anyway: leave stderr to stdout out")
        if spec.feed or spec.stdin is not None:
            raise _refuse("the standard input of a job on a terminal is what is typed there, and cannot be given otherwise")


def _check_retry(spec: JobSpec) -> None:
    if spec.retry is None:
        return
    retry.check(spec.retry)
    if spec.feed:
        message = "a job whose standard input is a stream cannot be retried: what it has read is not kept for the next attempt"
        raise Refused(Code.INVALID_ARGUMENT, message, "give it a standard input that is part of the job, or none")
    if spec.terminal is not None:
        message = "a job on a terminal cannot be retried: somebody types there, who would have to type everything again"
        raise Refused(Code.INVALID_ARGUMENT, message, "run it without a terminal")


def in_home(directory: bytes) -> bool:
    """Return whether a working folder is the job's home or below it: `~` or `~/...`, which is expanded where the job starts."""
    return directory == b"~" or directory.startswith(b"~/")


def check_command(argv: tuple[bytes, ...], environment: tuple[tuple[bytes, bytes], ...]) -> None:
    """Raise `Refused(INVALID_ARGUMENT)` unless Linux could take these arguments and variables."""
    counts = (("arguments", argv, MOST_ARGUMENTS), ("environment variables", environment, MOST_VARIABLES))
    for what, things, most in counts:
        if len(things) > most:
            raise _refuse(f"{len(things)} {what} are too many, the limit is {most}")
    if not argv or not argv[0]:
        raise _refuse("no program is given")
    total = 0
    for position, argument in enumerate(argv):
        if b"\0" in argument:
            raise _refuse(f"argument {position} has a NUL byte, which cannot be passed to a Linux program")
        if len(argument) > LONGEST_ARGUMENT:
            raise _refuse(f"argument {position} has {len(argument)} bytes, Linux takes at most {LONGEST_ARGUMENT} in one")
        total += len(argument) + 1 + _POINTER
    if environment:
        total += _check_variables(environment)
    if total > LARGEST_ARGUMENTS:
        raise _refuse(f"arguments and environment take {total} bytes, the limit is {LARGEST_ARGUMENTS}")


def _check_variables(environment: tuple[tuple[bytes, bytes], ...]) -> int:
    """Return how many bytes they take."""
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


def digest(spec: JobSpec) -> bytes:  # noqa: C901, PLR0912 -- one step for each field
    """Return a hash of the fields (BLAKE2b, 16 bytes), whatever the order of labels and of environment variables."""
    fields: list[tuple[int, Sequence[bytes]]] = [(1, spec.argv)]
    if spec.environment:
        fields += zip(repeat(2), sorted(spec.environment))
    fields.append((3, (spec.directory,)))
    if spec.stdin is not None:
        fields.append((4, (spec.stdin,)))
    fields.append((5, (spec.name.encode(),)))
    if spec.labels:
        fields += [(6, (label.encode(), text.encode())) for label, text in sorted(spec.labels)]
    for field, number in ((7, spec.time_limit_ms), (8, spec.stop_signal), (9, spec.grace_ms), (10, spec.output_limit_bytes)):
        if number is not None:
            fields.append((field, (b"%d" % number,)))
    if spec.linger:
        fields.append((11, ()))
    if spec.feed:
        fields.append((12, ()))
    if spec.terminal is not None:
        fields.append((13, [b"%d" % number for number in spec.terminal]))
    if spec.files or spec.outputs:
        fields += brought_files.digest_parts(spec.files, spec.outputs)
    if spec.priority:
        fields.append((16, (b"%d" % spec.priority,)))
    if spec.held:
        fields.append((17, ()))
    if spec.stderr_to_stdout:
        fields.append((18, ()))
    if spec.after:
        fields += [(19, one.parts()) for one in spec.after]
    if spec.retry is not None:
        fields += retry.digest_parts(spec.retry)
    if spec.rlimits or spec.memory_bytes is not None or spec.nice is not None or spec.umask is not None:
        fields += process_limits.digest_parts(spec.memory_bytes, spec.nice, spec.umask, spec.rlimits)
    if spec.cpus or spec.gpus or spec.resources or spec.only_one:
        fields += claims.digest_parts(spec.cpus, spec.gpus, spec.resources, spec.only_one)
    if spec.on or spec.not_on:
        fields += worker_labels.digest_parts(spec.on, spec.not_on)
    for field, number in ((21, spec.start_at_us), (22, spec.start_in_ms), (64, spec.not_after_us), (65, spec.not_after_ms)):
        if number is not None:
            fields.append((field, (b"%d" % number,)))
    if spec.may_submit:
        fields.append((31, ()))
    pieces: list[bytes] = []
    for field, parts in fields:
        pieces.append(b"%d:%d:" % (field, len(parts)))
        for part in parts:
            pieces += b"%d:" % len(part), part
    return blake2b(b"".join(pieces), digest_size=16).digest()


def from_wire(message: job_pb2.JobSpec) -> JobSpec:
    """Return a spec that came over the wire; removes the unknown fields of the message.

    Raises `Refused(UNIMPLEMENTED)` if it has a field that this version does not know.
    """
    size = message.ByteSize()
    message.DiscardUnknownFields()
    if message.ByteSize() != size:
        raise Refused(
            Code.UNIMPLEMENTED,
            "the job's spec has a field that this worker does not know and would silently ignore",
            "upgrade the worker, or leave the option out",
            reason=Reason.UNKNOWN_FIELD,
        )
    # Most specs have few fields: to ask for each of them would take several times as long.
    return made(JobSpec, {"argv": (), **{field.name: _READ[field.name](value) for field, value in message.ListFields()}})


def _variables(message: Iterable[job_pb2.EnvironmentVariable]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((variable.name, variable.value) for variable in message)


def _labels(message: Iterable[job_pb2.Label]) -> tuple[tuple[str, str], ...]:
    return tuple((label.name, label.value) for label in message)


def _resources(message: Iterable[job_pb2.Resource]) -> tuple[tuple[str, int], ...]:
    return tuple((one.name, one.amount) for one in message)


# How each field is read. Those that are missing in a message have the value that they have by default.
_READ: Mapping[str, Callable[[Any], Any]] = {
    "argv": tuple,
    "environment": _variables,
    "directory": bytes,
    "stdin": bytes,
    "name": str,
    "labels": _labels,
    "time_limit_ms": int,
    "stop_signal": int,
    "grace_ms": int,
    "output_limit_bytes": int,
    "linger": bool,
    "feed": bool,
    "terminal": lambda message: TerminalSize(message.rows, message.columns),
    "files": lambda message: tuple(map(brought_files.from_wire, message)),
    "outputs": tuple,
    "priority": int,
    "held": bool,
    "stderr_to_stdout": bool,
    "after": lambda message: tuple(map(conditions.from_wire, message)),
    "retry": retry.from_wire,
    "memory_bytes": int,
    "nice": int,
    "umask": int,
    "rlimits": lambda message: tuple(map(process_limits.from_wire, message)),
    "cpus": int,
    "gpus": int,
    "resources": _resources,
    "only_one": str,
    "on": tuple,
    "not_on": tuple,
    "start_at_us": int,
    "start_in_ms": int,
    "not_after_us": int,
    "not_after_ms": int,
    "may_submit": bool,
}


def to_wire(spec: JobSpec, *, with_stdin: bool = True) -> job_pb2.JobSpec:
    """Return a spec as it is sent and stored; a list of jobs shows it without its standard input."""
    # A value holds only what differs from the defaults, so that this takes no longer than there is to say.
    said = {name: _WRITTEN[name](value) if name in _WRITTEN else value for name, value in vars(spec).items()}
    if not with_stdin:
        said.pop("stdin", None)
    return job_pb2.JobSpec(**said)


# How each field is written that is not the same in a message.
_WRITTEN: Mapping[str, Callable[[Any], Any]] = {
    "environment": lambda variables: [job_pb2.EnvironmentVariable(name=name, value=value) for name, value in variables],
    "labels": lambda labels: [job_pb2.Label(name=name, value=text) for name, text in labels],
    "stop_signal": lambda number: 0 if number == signal.SIGTERM else number,
    "terminal": lambda size: size and job_pb2.Terminal(rows=size.rows, columns=size.columns),
    "files": lambda files: list(map(brought_files.to_wire, files)),
    "after": lambda after: list(map(conditions.to_wire, after)),
    "retry": lambda rule: rule and retry.to_wire(rule),
    "rlimits": lambda limits: [job_pb2.ResourceLimit(name=limit.name, soft=limit.soft, hard=limit.hard) for limit in limits],
    "resources": lambda resources: [job_pb2.Resource(name=name, amount=amount) for name, amount in resources],
}
