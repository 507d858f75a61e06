"""The `after` argument of the library: jobs and runs, or their ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from ....schemas.jobs.conditions import After, Condition
from ....schemas.naming import JobKey
from .arguments import read_id

if TYPE_CHECKING:
    from ..values.run_info import RunInfo


class AwaitedJob(Protocol):
    """A `Job`, an `AsyncJob`, or a `JobInfo`."""

    @property
    def key(self) -> JobKey:
        """Its owner and id."""
        ...


class AwaitedRun(Protocol):
    """A `BatchRun` or an `AsyncBatchRun`."""

    @property
    def info(self) -> RunInfo:
        """What is known about it."""
        ...


Awaited: TypeAlias = "AwaitedJob | AwaitedRun | bytes | str"
# What must have ended, one or several: a job or its id, or a run. Alone it must have ended well.
Awaiting: TypeAlias = "Awaited | Iterable[Awaited] | Mapping[Literal['ok', 'failed', 'any'], Awaited | Iterable[Awaited]]"
_WORDS = {"ok": Condition.OK, "failed": Condition.FAILED, "any": Condition.ANY}


def conditions_of(said: Awaiting) -> tuple[After, ...]:
    """Return the conditions in `after`.

    Raises TypeError for a value of another type, `Refused(INVALID_ARGUMENT)` for text or bytes that are not an id.
    """
    if not isinstance(said, Mapping):
        return tuple(_one(Condition.OK, one) for one in _listed(said))
    if unknown := [str(word) for word in said if word not in _WORDS]:
        raise TypeError(f"after has the key {unknown[0]!r}; there are 'ok', 'failed' and 'any'")
    return tuple(_one(_WORDS[word], one) for word, targets in said.items() for one in _listed(targets))


def _listed(said: Awaited | Iterable[Awaited]) -> list[Awaited]:
    return [said] if isinstance(said, bytes | str) or not isinstance(said, Iterable) else list(said)


def _one(condition: Condition, said: Awaited) -> After:
    if isinstance(said, bytes | str):
        return After(condition, job=read_id(said))
    if (key := getattr(said, "key", None)) is not None:
        return After(condition, job=key.id)
    if (info := getattr(said, "info", None)) is not None:
        return After(condition, run=info.batch.id)
    raise TypeError(f"after takes jobs, runs, or ids of jobs, not {type(said).__name__}")
