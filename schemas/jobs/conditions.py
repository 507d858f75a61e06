"""The conditions under which a job starts: which other job, or group of jobs, must have ended, and how."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from typing import NamedTuple, cast

from ..generated import job_pb2
from ..naming import ID_BYTES, format_id, name_problem
from ..refusal import Code, Refused
from ..text.patterns import pattern

# Of one job, and of all jobs of one start. A group counts as one.
MOST_CONDITIONS = 1000
MOST_CONDITIONS_OF_A_START = 3000
_INDEX = pattern(r"\[\d+\]$", re.ASCII)


class Condition(enum.IntEnum):
    """How a job, or a group of jobs, must have ended; numbers as in job.proto."""

    OK = 1
    FAILED = 2
    ANY = 3


class Fate(enum.Enum):
    """How a job, or a group of jobs, has ended. UNNEEDED: cancelled because it was to start only after a failure."""

    OK = enum.auto()
    FAILED = enum.auto()
    UNNEEDED = enum.auto()


# Under which condition what has ended lets others start.
_HOLDS = frozenset({(Condition.OK, Fate.OK), (Condition.FAILED, Fate.FAILED), *((Condition.ANY, fate) for fate in Fate)})


def holds(condition: Condition, fate: Fate) -> bool:
    """Return whether a condition holds; once known, this never changes."""
    return (condition, fate) in _HOLDS


class After(NamedTuple):
    """One condition. Its target is a job by its id, or all jobs of a run; with a `name`, only the jobs of that name (see `base_of`)."""

    condition: Condition
    job: bytes = b""
    run: bytes = b""
    name: str = ""

    @property
    def target(self) -> tuple[bytes, bytes, str]:
        """The job or group that it is about."""
        return self[1:]

    def parts(self) -> tuple[bytes, ...]:
        """Return the values that go into the digest of a spec."""
        return b"%d" % self.condition, self.job, self.run, self.name.encode()


def base_of(name: str) -> str:
    """Return the name of a job without its index, which is the name of its group: `fetch` for `fetch[3]`."""
    return _INDEX.sub("", name) if name.endswith("]") else name


def check(after: Sequence[After]) -> None:
    """Raise `Refused(INVALID_ARGUMENT)` unless a job can have these conditions."""
    if len(after) > MOST_CONDITIONS:
        message = f"the job has {len(after)} conditions, the limit is {MOST_CONDITIONS}"
        raise Refused(Code.INVALID_ARGUMENT, message, "give the jobs that it waits for the same name, and let it wait for that name")
    seen: set[tuple[bytes, bytes, str]] = set()
    for one in after:
        if bool(one.job) is bool(one.run) or len(one.job or one.run) != ID_BYTES or (one.name and not one.run):
            raise Refused(Code.INVALID_ARGUMENT, f"a condition must name either a job or a run, by an id of {ID_BYTES} bytes")
        if one.name and (problem := name_problem(one.name)):
            raise Refused(Code.INVALID_ARGUMENT, problem)
        if one.target in seen:
            raise Refused(Code.INVALID_ARGUMENT, f"two conditions of the job are about {described(one)}", "leave one of them out")
        seen.add(one.target)


def described(after: After) -> str:
    """Return the target of a condition in words, as far as the condition itself names it."""
    if after.job:
        return f"the job {format_id(after.job)}"
    return f"the jobs {after.name} of run {format_id(after.run)}" if after.name else f"the run {format_id(after.run)}"


def from_wire(message: job_pb2.After) -> After:
    """Return a condition that came over the wire.

    Raises `Refused(INVALID_ARGUMENT)` for one that this version does not know.
    """
    try:
        condition = Condition(message.condition)
    except ValueError:
        raise Refused(Code.INVALID_ARGUMENT, f"a job has a condition, {message.condition}, that this worker does not know") from None
    return After(condition, message.job, message.run, message.name)


def to_wire(after: After) -> job_pb2.After:
    """Return a condition as it is sent and stored."""
    condition = cast("job_pb2.Condition", after.condition.value)
    return job_pb2.After(condition=condition, job=after.job, run=after.run, name=after.name)
