"""What the kernel enforces for a job: a memory limit, and for each process nice value, umask, and limits of setrlimit(2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..generated import job_pb2
from ..refusal import Code, Refused
from ..text.sizes import format_limit

# With less, no program could be executed.
LEAST_MEMORY = 4 << 20
LARGEST_MEMORY = 1 << 62
LOWEST_NICE, HIGHEST_NICE = -20, 19
LARGEST_UMASK = 0o777
# Larger numbers mean "unlimited" in the kernel.
LARGEST_LIMIT = (1 << 63) - 1

# What the kernel enforces, by the names of prlimit(1), with its numbers (asm-generic/resource.h).
NUMBERS = {
    "as": 9,
    "core": 4,
    "cpu": 0,
    "data": 2,
    "fsize": 1,
    "memlock": 8,
    "msgqueue": 12,
    "nice": 13,
    "nofile": 7,
    "nproc": 6,
    "rtprio": 14,
    "sigpending": 11,
    "stack": 3,
}
# In bytes.
SIZES = frozenset(("as", "core", "data", "fsize", "memlock", "msgqueue", "stack"))
# Limits of prlimit(1) that no job can be given, and why.
_WITHOUT = {
    "rss": "Linux ignores it; --memory limits the memory of the whole job",
    "locks": "Linux ignores it",
    "rttime": "the worker recognises the processes of a job by it",
}


class ResourceLimit(NamedTuple):
    """A limit on each process of a job: its name is one of `NUMBERS`; None is unlimited."""

    name: str
    soft: int | None
    hard: int | None


def refuse_unknown(name: str) -> None:
    """Raise `Refused(INVALID_ARGUMENT)` unless this is the name of a limit."""
    if name in _WITHOUT:
        raise Refused(Code.INVALID_ARGUMENT, f"the limit {name} cannot be set: {_WITHOUT[name]}")
    if name not in NUMBERS:
        raise Refused(Code.INVALID_ARGUMENT, f"{name[:40]!r} is not the name of a limit", f"known are {', '.join(sorted(NUMBERS))}")


def check(memory_bytes: int | None, nice: int | None, umask: int | None, limits: Sequence[ResourceLimit]) -> None:
    """Raise `Refused(INVALID_ARGUMENT)` unless a kernel accepts these values for a job; None: not set."""
    if memory_bytes is not None and not LEAST_MEMORY <= memory_bytes <= LARGEST_MEMORY:
        least, most = format_limit(LEAST_MEMORY), format_limit(LARGEST_MEMORY)
        raise Refused(Code.INVALID_ARGUMENT, f"a limit on memory of {format_limit(memory_bytes)} is not from {least} to {most}")
    check_nice(nice)
    if umask is not None and not 0 <= umask <= LARGEST_UMASK:
        raise Refused(Code.INVALID_ARGUMENT, f"the umask {umask:o} is not from 0 to 777 in octal digits")
    if limits:
        _check_limits(limits)


def _check_limits(limits: Sequence[ResourceLimit]) -> None:
    seen = set()
    for limit in limits:
        refuse_unknown(limit.name)
        if limit.name in seen:
            raise Refused(Code.INVALID_ARGUMENT, f"the limit {limit.name} is set twice", "remove one of them")
        seen.add(limit.name)
        for number in (limit.soft, limit.hard):
            if number is not None and not 0 <= number <= LARGEST_LIMIT:
                raise Refused(Code.INVALID_ARGUMENT, f"the limit {limit.name} of {number} is not from 0 to {LARGEST_LIMIT}")
        if limit.hard is not None and (limit.soft is None or limit.soft > limit.hard):
            soft = "unlimited" if limit.soft is None else limit.soft
            raise Refused(Code.INVALID_ARGUMENT, f"the soft limit {limit.name} of {soft} is above the hard one of {limit.hard}")


def check_nice(nice: int | None) -> None:
    """Raise `Refused(INVALID_ARGUMENT)` unless a process can have this nice value; None: not set."""
    if nice is not None and not LOWEST_NICE <= nice <= HIGHEST_NICE:
        raise Refused(Code.INVALID_ARGUMENT, f"the nice value {nice} is not from {LOWEST_NICE} to {HIGHEST_NICE}")


def digest_parts(
    memory_bytes: int | None, nice: int | None, umask: int | None, limits: Sequence[ResourceLimit]
) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Iterate over the values that go into the digest of a spec, with their field numbers; unset ones are left out."""
    for field, number in ((24, memory_bytes), (27, nice), (28, umask)):
        if number is not None:
            yield field, (b"%d" % number,)
    for limit in sorted(limits, key=lambda limit: limit.name):
        yield 29, (limit.name.encode(), _written(limit.soft).encode(), _written(limit.hard).encode())


def from_wire(message: job_pb2.ResourceLimit) -> ResourceLimit:
    """Return a limit that came over the wire."""
    soft = message.soft if message.HasField("soft") else None
    return ResourceLimit(message.name, soft, message.hard if message.HasField("hard") else None)


def format_limits(limits: Sequence[ResourceLimit]) -> list[str]:
    """Return limits as they are written: `nofile=1024`, `stack=65536:unlimited`."""
    return [f"{limit.name}={_written(limit.soft)}" + (f":{_written(limit.hard)}" if limit.hard != limit.soft else "") for limit in limits]


def _written(number: int | None) -> str:
    return "unlimited" if number is None else str(number)
