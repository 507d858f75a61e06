"""The spec of a job: what was submitted, its digest, and its form on the wire. Which values are valid: spec_check.py.

Two requests mean the same job if their specs have the same digest. The digest is over the fields, not over bytes of a serialized message:
protobuf is not canonical.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from itertools import chain, repeat
from typing import Any

from ..generated import job_pb2
from ..private_parts.c_blake2 import blake2b
from ..private_parts.frozen import frozen, made, replace
from ..refusal import Code, Reason, Refused
from ..workers import labels as worker_labels
from . import brought_files, claims, conditions, process_limits, retry
from .brought_files import BroughtFile
from .conditions import After
from .process_limits import ResourceLimit
from .retry import RetryRule
from .terminal import TerminalSize

# How long a job has to end by itself, by default.
DEFAULT_GRACE_MS = 10_000
# Of these a spec may have tens of thousands; so many take about a millisecond.
_OF_MANY = frozenset({"argv", "environment"})
_MANY = 2000
_DIGEST_BYTES = 16


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
        """Return a copy without the times before or after which it does not start."""
        return replace(self, start_at_us=None, start_in_ms=None, not_after_us=None, not_after_ms=None) if self.has_times else self

    @property
    def says_until_when(self) -> bool:
        """Whether the spec itself limits until when the job may start for the first time."""
        return self.not_after_us is not None or self.not_after_ms is not None

    @property
    def has_times(self) -> bool:
        """Whether the job has an earliest or a latest start time."""
        return any(one is not None for one in (self.start_at_us, self.start_in_ms, self.not_after_us, self.not_after_ms))

    @property
    def has_folder(self) -> bool:
        """Whether the job has a folder of its own."""
        return bool(self.files or self.outputs)


def in_home(directory: bytes) -> bool:
    """Return whether a working folder is the home folder of the job's user or below it: `~` or `~/...`, expanded where the job starts."""
    return directory == b"~" or directory.startswith(b"~/")


def digest(spec: JobSpec) -> bytes:
    """Return a hash of the fields (BLAKE2b, 16 bytes), whatever the order of labels and of environment variables."""
    pieces: list[bytes] = []
    for field, parts in _fields_of(spec):
        pieces.append(b"%d:%d:" % (field, len(parts)))
        for part in parts:
            pieces += b"%d:" % len(part), part
    return blake2b(b"".join(pieces), digest_size=_DIGEST_BYTES).digest()


def digest_in_steps(spec: JobSpec) -> Generator[None, None, bytes]:
    """Return the same digest, computed in steps for a large spec."""
    hashed = blake2b(digest_size=_DIGEST_BYTES)
    fields = _fields_of(spec)
    yield
    for position, (field, parts) in enumerate(fields, 1):
        hashed.update(b"%d:%d:" % (field, len(parts)))
        for begin in range(0, len(parts), _MANY):
            hashed.update(b"".join(chain.from_iterable((b"%d:" % len(part), part) for part in parts[begin : begin + _MANY])))
            if len(parts) > _MANY or position % _MANY == 0:
                yield
    return hashed.digest()


def _fields_of(spec: JobSpec) -> Sequence[tuple[int, Sequence[bytes]]]:  # noqa: C901, PLR0912 -- one step for each field
    """Return the fields that the digest is over, each with its parts."""
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
    return fields


def from_wire(message: job_pb2.JobSpec) -> JobSpec:
    """Return a spec that came over the wire; removes the unknown fields of the message.

    Raises `Refused(UNIMPLEMENTED)` if it has a field that this version does not know.
    """
    _demand_known(message)
    # Most specs have few fields: to ask for each of them would take several times as long.
    return made(JobSpec, {"argv": (), **{field.name: _READ[field.name](value) for field, value in message.ListFields()}})


def read_in_steps(message: job_pb2.JobSpec) -> Generator[None, None, JobSpec]:
    """Return what `from_wire` returns, in steps between the fields, and within fields that have many parts."""
    _demand_known(message)
    said: dict[str, Any] = {"argv": ()}
    for field, value in message.ListFields():
        yield
        if field.name in _OF_MANY and len(value) > _MANY:
            parts: list[Any] = []
            for begin in range(0, len(value), _MANY):
                parts += _READ[field.name](value[begin : begin + _MANY])
                yield
            said[field.name] = tuple(parts)
        else:
            said[field.name] = _READ[field.name](value)
    return made(JobSpec, said)


def _demand_known(message: job_pb2.JobSpec) -> None:
    size = message.ByteSize()
    message.DiscardUnknownFields()
    if message.ByteSize() != size:
        raise Refused(
            Code.UNIMPLEMENTED,
            "the job's spec has a field that this worker does not know and would silently ignore",
            "upgrade the worker, or leave the option out",
            reason=Reason.UNKNOWN_FIELD,
        )


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
    """Return a spec as it is sent and stored; in a list of jobs it comes without its standard input."""
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
