"""What a decision makes the desk do: to the engine, to subscribers, to requests that wait and to watchers. desk.py carries it out."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ...schemas.generated import event_pb2
from ...schemas.naming import AttemptKey
from ...schemas.refusal import Refused
from ..engine import Launch
from ..jobs.job import Job


class Launches(NamedTuple):
    """Start these jobs."""

    launches: Sequence[Launch]


class End(NamedTuple):
    """End a job with all its processes: first the signal, then SIGKILL after the grace."""

    key: AttemptKey
    signal: int
    grace_ms: int


class LimitTime(NamedTuple):
    """Give a job that was started another time limit, which counts from its start; 0: none."""

    key: AttemptKey
    limit_ms: int


class SignalAll(NamedTuple):
    """Send a signal to all processes of a job; `done` gets why not all received it, if so."""

    key: AttemptKey
    number: int
    done: Callable[[Refused | None], None]
    proof: bytes = b""


class Lends(NamedTuple):
    """Others may use the slots of a job, which waits for jobs that it has started; or (`begins` False) not any more."""

    key: AttemptKey
    begins: bool


class Hold(NamedTuple):
    """Suspend all processes of a job, or (`paused` False) let them continue."""

    key: AttemptKey
    paused: bool
    proof: bytes = b""


class Settle(NamedTuple):
    """The ends of these jobs are durable and reported: the engine may forget them."""

    keys: Sequence[AttemptKey]


class Publish(NamedTuple):
    """Publish events that are durable, with their numbers."""

    events: Sequence[event_pb2.Event]


class Reply(NamedTuple):
    """Call `tell`: a request waits for it."""

    tell: Callable[[], None]


class Word(enum.Enum):
    """What is reported to the watchers of a job."""

    STARTED = enum.auto()
    STUCK = enum.auto()
    FINISHED = enum.auto()
    # An attempt has ended, and another one follows.
    RETRYING = enum.auto()


class Tell(NamedTuple):
    """Notify the watchers of a job; of a start and an end only when they are durable."""

    job: Job
    word: Word


class WakeAt(NamedTuple):
    """Pass `Due` to the desk at the earlier of two moments, in place of those said before; None: not at all.

    They are on the scales of `Moment.passed_us` and `Moment.wall_us`. The latter is set by people, and if it is, `Due` is passed too.
    """

    passed_us: int | None
    wall_us: int | None


NEVER = WakeAt(None, None)


class Continue(NamedTuple):
    """Pass `Following` to the desk, in a later turn of the loop."""


class Charge(NamedTuple):
    """Count time of the loop for owners: so many jobs of each are changed because others have ended."""

    jobs: Mapping[bytes, int]


class ChooseOn(NamedTuple):
    """Pass `Reconsidered` to the desk, in a later turn of the loop: more jobs may start than were chosen."""


Effect = Launches | End | LimitTime | SignalAll | Lends | Hold | Settle | Publish | Reply | Tell | WakeAt | Continue | ChooseOn | Charge


def numbered(events: Sequence[event_pb2.Event], first_seq: int) -> Publish:
    """Return the effect that publishes events which have become durable, with their numbers."""
    for seq, event in enumerate(events, first_seq):
        event.seq = seq
    return Publish(events)
