"""Carry out the effects of decisions: the only place where they leave the desk. Decides nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

from ...schemas.generated import event_pb2
from ...schemas.naming import AttemptKey
from ..engine import Engine, Launch
from ..own_process.alarm import Alarm
from ..streams.watchers import Watchers
from .effects import (
    Charge,
    ChooseOn,
    Continue,
    Effect,
    End,
    Hold,
    Launches,
    Lends,
    LimitTime,
    Publish,
    Reply,
    Settle,
    SignalAll,
    Tell,
    WakeAt,
    Word,
)
from .inputs import Following, Input, Reconsidered

_log = logging.getLogger(__name__)
# What it takes of the loop to decide that a job is cancelled or may start, and to record and report that.
_CHANGE_SECONDS = 150e-6
_may_submit = attrgetter("spec.may_submit")


class Publishing(Protocol):
    """Publishes events to subscribers."""

    def publish(self, events: Sequence[event_pb2.Event]) -> None:
        """Send events that are durable; never waits."""
        ...


class Delegating(Protocol):
    """Knows the keys of jobs that may start jobs."""

    def admit(self, attempt: AttemptKey) -> bytes:
        """Accept the key of an attempt from now on, and return the content of the key file for the job."""
        ...

    def expel(self, attempts: Sequence[AttemptKey]) -> None:
        """Stop accepting the keys of these attempts, because they have ended."""
        ...


@dataclass(slots=True)
class Executor:
    """The targets of effects. `alarms`: one for each clock of `WakeAt`; `ended`: called when ends of jobs are reported; `take`: the desk's.

    `charge`: counts seconds of the loop for an owner.
    """

    engine: Engine
    publisher: Publishing
    watchers: Watchers
    delegates: Delegating
    alarms: tuple[Alarm, Alarm]
    ended: Callable[[], None]
    take: Callable[[Input], None]
    charge: Callable[[bytes, float], None]

    def carry_out(self, effects: Sequence[Effect]) -> None:  # noqa: C901, PLR0912 -- a case for each effect
        """Carry out effects in their order; never raises."""
        for effect in effects:
            try:
                # The most frequent first.
                match effect:
                    case Publish():
                        self.publisher.publish(effect.events)
                    case Tell():
                        self._tell(effect)
                    case Reply():
                        effect.tell()
                    case Launches():
                        self.engine.start(self._with_keys(effect.launches))
                    case End():
                        self.engine.end(effect.key, effect.signal, effect.grace_ms)
                    case LimitTime():
                        self.engine.limit(effect.key, effect.limit_ms)
                    case SignalAll():
                        self.engine.signal(effect.key, effect.number, effect.done, effect.proof)
                    case Lends():
                        self.engine.lend(effect.key, begins=effect.begins)
                    case Hold():
                        self.engine.pause(effect.key, paused=effect.paused, proof=effect.proof)
                    case Continue():
                        asyncio.get_running_loop().call_soon(self.take, Following())
                    case Charge():
                        for owner, jobs in effect.jobs.items():
                            self.charge(owner, jobs * _CHANGE_SECONDS)
                    case ChooseOn():
                        asyncio.get_running_loop().call_soon(self.take, Reconsidered())
                    case WakeAt():
                        for alarm, at_us in zip(self.alarms, effect, strict=True):
                            alarm.set(at_us)
                    case Settle():
                        # First those who wait for these ends: what follows takes as long as their reports.
                        self.watchers.flush()
                        self.engine.settled(effect.keys)
                        self.delegates.expel(effect.keys)
                        self.ended()
            except Exception:  # noqa: BLE001 -- a bug in one effect must not cost the others, nor the writes
                _log.exception("the effect %s could not be carried out", type(effect).__name__)

    def _with_keys(self, launches: Sequence[Launch]) -> Sequence[Launch]:
        """Return launches, with keys for those jobs that may start jobs; few may."""
        if not any(map(_may_submit, launches)):
            return launches
        return [launch._replace(key_text=self.delegates.admit(launch.key)) if launch.spec.may_submit else launch for launch in launches]

    def _tell(self, effect: Tell) -> None:
        match effect.word:
            case Word.STARTED:
                self.watchers.started(effect.job)
            case Word.STUCK:
                self.watchers.stuck(effect.job)
            case Word.FINISHED:
                self.watchers.finished(effect.job)
            case Word.RETRYING:
                self.watchers.retrying(effect.job)
