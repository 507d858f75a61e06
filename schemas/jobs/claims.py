"""What a job can claim in its spec: slots, GPUs, resources that operators define, and exclusive use of a name. Pure.

What a worker has of them: ../workers/capacity.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..naming import name_problem
from ..refusal import Code, Refused
from ..text.patterns import pattern

# How many resources or GPUs a job or a worker can have, and how much of a resource.
MOST_RESOURCES = 64
MOST_OF_A_RESOURCE = 1_000_000
# More than any worker has.
MOST_SLOTS = 100_000
_RESOURCE_NAME = pattern(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
# What every worker has, and what may be confused with it.
_RESERVED = frozenset({"slot", "slots", "cpu", "cpus", "gpu", "gpus", "mem", "memory"})


def check(cpus: int, gpus: int, resources: Sequence[tuple[str, int]], only_one: str) -> None:
    """Raise `Refused(INVALID_ARGUMENT)` unless some worker could satisfy this claim."""
    if not (cpus or gpus or resources or only_one):
        return
    problem = ""
    if not 0 <= cpus <= MOST_SLOTS:
        problem = f"a job can have 1 to {MOST_SLOTS} cpus, not {cpus}"
    elif not 0 <= gpus <= MOST_RESOURCES:
        problem = f"a job can have 0 to {MOST_RESOURCES} gpus, not {gpus}"
    elif len(resources) > MOST_RESOURCES or len(dict(resources)) != len(resources):
        problem = f"a resource is named twice, or there are more than {MOST_RESOURCES}"
    else:
        problem = next(filter(None, (resource_problem(name, amount) for name, amount in resources)), "")
    if problem := problem or (name_problem(only_one) or "" if only_one else ""):
        raise Refused(Code.INVALID_ARGUMENT, problem)


def digest_parts(cpus: int, gpus: int, resources: Sequence[tuple[str, int]], only_one: str) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Return the values that go into the digest of a spec; unset ones are left out."""
    if cpus:
        yield 23, (b"%d" % cpus,)
    if gpus:
        yield 25, (b"%d" % gpus,)
    for name, amount in sorted(resources):
        yield 26, (name.encode(), b"%d" % amount)
    if only_one:
        yield 30, (only_one.encode(),)


def resource_problem(name: str, amount: int) -> str:
    """Return why a resource cannot have this name and amount; empty if it can."""
    if name in _RESERVED:
        return f"{name!r} cannot be defined as a resource: every worker has slots (--cpus), memory (--memory) and gpus (--gpus)"
    if not _RESOURCE_NAME.fullmatch(name):
        return f"{name[:80]!r} is not the name of a resource: a letter, then letters, digits, '_', '.' and '-', at most 64"
    return "" if 1 <= amount <= MOST_OF_A_RESOURCE else f"the amount of {name} must be from 1 to {MOST_OF_A_RESOURCE}, not {amount}"
