"""What the desk decides about: requests, facts of the engine, and what the store made of a write. Values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...schemas.naming import JobKey
from ...schemas.refusal import Refused
from ...schemas.spec import JobSpec
from ..engine import Fact
from ..store.writes import Added, Conflict
from .job import BatchRun, StopOrder
from .pauses import Suspend


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is decided: the time of day, the time that passed since the machine was started, and the time on the scale of ages."""

    now_us: int
    passed_us: int
    aged_us: int


@dataclass(frozen=True, slots=True)
class Asked:
    """One job as it was asked for: `raw` is its spec as it travelled, which is what is stored."""

    id: bytes
    spec: JobSpec
    digest: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """The jobs of a start, durable now: in the order asked, how many were there before, and the seq before their first event."""

    keys: Sequence[JobKey]
    known: int
    seq: int


@dataclass(frozen=True, slots=True)
class Start:
    """Take jobs on, whole or not at all; `done` gets what came of it, before any of them starts.

    `shortage` is the answer if one of them is new and there is no room for it.
    """

    owner: bytes
    asked: Sequence[Asked]
    batch: BatchRun | None
    proof: bytes
    shortage: Refused | None
    done: Callable[[Accepted | Refused], None]


@dataclass(frozen=True, slots=True)
class Stop:
    """End jobs with all that they started; `done` is called when the wish is durable. Those that have ended are passed over."""

    orders: Sequence[tuple[JobKey, StopOrder]]
    proof: bytes
    done: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Signal:
    """Send one signal to all processes of a job; `done` gets why not all got it, if so."""

    key: JobKey
    number: int
    done: Callable[[Refused | None], None]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the engine tells, in its order."""

    facts: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class Recovered:
    """What the engine knows of the jobs that a desk found when it began."""

    facts: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class Written:
    """What came of the write with this number; of changes, the number of the first event."""

    number: int
    result: Added | Conflict | Refused | int


@dataclass(frozen=True, slots=True)
class Reconsidered:
    """Limits have changed."""


Input = Start | Stop | Signal | Suspend | Facts | Recovered | Written | Reconsidered
