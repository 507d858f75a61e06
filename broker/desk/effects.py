"""The effects of a decision: on the engine, subscribers, requests that wait, and watchers. executor.py carries them out."""

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
    """End a job with all its processes: first the signal, then SIGKILL after the grace period."""

    key: AttemptKey
    signal: int
    grace_ms: int


class LimitTime(NamedTuple):
    """Set another time limit for a job that was started, counted from its start; 0: none."""

    key: AttemptKey
    limit_ms: int


class SignalAll(NamedTuple):
    """Send a signal to all processes of a job; `done` is called with the reason if not all received it, else None."""

    key: AttemptKey
    number: int
    done: Callable[[Refused | None], None]
    proof: bytes = b""


class Lends(NamedTuple):
    """Let others use the slots of a job that waits for jobs it has started; with `begins` False, no longer."""

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
    """Call `tell`, which answers a waiting request."""

    tell: Callable[[], None]


class Word(enum.Enum):
    """What is reported to the watchers of a job."""

    STARTED = enum.auto()
    STUCK = enum.auto()
    FINISHED = enum.auto()
    # An attempt has ended, and another one follows.
    RETRYING = enum.auto()


class Tell(NamedTuple):
    """Notify the watchers of a job; about a start or an end only when it is durable."""

    job: Job
    word: Word


class WakeAt(NamedTuple):
    """Pass `Due` to the desk at the earlier of two moments, replacing earlier ones; None: not at all.

    They are on the scales of `Moment.passed_us` and `Moment.wall_us`. The latter can be set; when it is, `Due` is passed too.
    """

    passed_us: int | None
    wall_us: int | None


NEVER = WakeAt(None, None)


class Continue(NamedTuple):
    """Pass `Following` to the desk, in a later turn of the loop."""


class Charge(NamedTuple):
    """Charge owners for loop time: this many jobs of each are changed because others have ended."""

    jobs: Mapping[bytes, int]


class ChooseOn(NamedTuple):
    """Pass `Reconsidered` to the desk in a later turn of the loop: more jobs may start than were chosen."""


Effect = Launches | End | LimitTime | SignalAll | Lends | Hold | Settle | Publish | Reply | Tell | WakeAt | Continue | ChooseOn | Charge


def numbered(events: Sequence[event_pb2.Event], first_seq: int) -> Publish:
    """Return the effect that publishes events, numbered now that they are durable."""
    for seq, event in enumerate(events, first_seq):
        event.seq = seq
    return Publish(events)
