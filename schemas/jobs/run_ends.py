"""What the `on_finish` job of a run is told about it: environment variables, which replace variables of the same names in its spec."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from ..naming import format_id
from .spec import JobSpec

# The name of the job, unless it has one.
NAME = "on_finish"
WORDS = ("ok", "failed", "stopped")

_COUNT = re.compile(rb"0|[1-9]\d{0,9}")
_OUTCOME, _JOBS, _OK, _FAILED, _CANCELLED = (f"JOBWIRE_RUN_{name}".encode() for name in ("OUTCOME", "JOBS", "OK", "FAILED", "CANCELLED"))
_RUN, _RUN_NAME = b"JOBWIRE_RUN", b"JOBWIRE_RUN_NAME"
_NAMES = frozenset((_RUN, _RUN_NAME, _OUTCOME, _JOBS, _OK, _FAILED, _CANCELLED))

Environment = tuple[tuple[bytes, bytes], ...]


class RunEnd(NamedTuple):
    """How a run ended: one of WORDS, and how many of its jobs ended how."""

    word: str
    ok: int
    failed: int
    cancelled: int


def tell(environment: Iterable[tuple[bytes, bytes]], run: bytes, name: str, end: RunEnd) -> Environment:
    """Return the environment of the `on_finish` job, with the result of its run."""
    told = {
        _RUN: format_id(run),
        _RUN_NAME: name,
        _OUTCOME: end.word,
        _JOBS: str(end.ok + end.failed + end.cancelled),
        _OK: str(end.ok),
        _FAILED: str(end.failed),
        _CANCELLED: str(end.cancelled),
    }
    kept = (pair for pair in environment if pair[0] not in _NAMES)
    return (*kept, *((variable, text.encode()) for variable, text in told.items()))


def finish_spec(spec: JobSpec, run: bytes, name: str, end: RunEnd) -> JobSpec:
    """Return the spec of the `on_finish` job, made from what the run was submitted with and the result of the run."""
    return replace(spec, name=spec.name or NAME, environment=tell(spec.environment, run, name, end))


def told_in(environment: Iterable[tuple[bytes, bytes]]) -> RunEnd | None:
    """Return the result of a run from the environment of its `on_finish` job; None if `tell` has not written it."""
    found = dict(environment)
    word = found.get(_OUTCOME, b"").decode(errors="replace")
    counts = [found.get(name, b"") for name in (_OK, _FAILED, _CANCELLED)]
    if word not in WORDS or not all(map(_COUNT.fullmatch, counts)):
        return None
    return RunEnd(word, *map(int, counts))
