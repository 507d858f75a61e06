"""What the engine tells about jobs."""

from __future__ import annotations

from collections.abc import Iterable

from ....schemas.naming import AttemptKey
from ...engine import Delayed, Ended, Fact, Paused, Started
from ..effects import Settle, Tell, Word
from ..inputs import Moment
from ..job import Job
from ..life import ENDED
from ..turn import Turn
from .consequences import ended_for_good
from .facts import take_in


def hear(turn: Turn, facts: Iterable[Fact]) -> None:
    """Take facts in: the next phases of jobs, their events, and who is to be told."""
    state = turn.state
    settled: list[AttemptKey] = []
    for fact in facts:
        job = state.live.get(fact.key.job)
        if job is None or job.attempt.key != fact.key:
            if isinstance(fact, Ended):
                # Recorded before the last restart, or of another attempt than the current one, but the engine was not notified.
                settled.append(fact.key)
            continue
        if job.attempt.phase in ENDED:
            continue
        match fact:
            case Paused():
                turn.effects += state.pauses.hear(job, paused=fact.paused, why=fact.why)
            case Delayed():
                job.attempt.delayed_by = fact.why
                if fact.stuck:
                    turn.effects.append(Tell(job, Word.STUCK))
            case _:
                _hear_life(turn, job, fact)
    if settled:
        turn.effects.append(Settle(settled))


def _hear_life(turn: Turn, job: Job, fact: Started | Ended) -> None:
    if job.attempt.pid != fact.pid:
        job.attempt.since_us = since(turn.moment, fact.started_at_us)
    turn.events.setdefault(job, []).extend(take_in(job, fact, turn.moment.now_us))
    if isinstance(fact, Ended):
        job.attempt.delayed_by = ""
        turn.state.queue.release(job.key)
        turn.effects += turn.state.pauses.hear(job, paused=False)
        ended_for_good(turn, job)


def since(moment: Moment, at_us: int) -> int:
    """Return a date as a moment on the scale of `Attempt.since_us`."""
    return moment.passed_us - max(0, moment.now_us - at_us)
