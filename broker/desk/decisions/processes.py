"""Requests about the processes of jobs."""

from __future__ import annotations

from functools import partial

from ....schemas.naming import format_id
from ....schemas.refusal import Code, Reason, Refused
from ...jobs.life import ENDED, SIGNALED
from ..effects import Reply, SignalAll
from ..inputs import Signal, Suspend
from ..turn import Turn


def signal(turn: Turn, asked: Signal) -> None:
    """Send one signal to all processes of a job."""
    job = turn.state.live.get(asked.key)
    if job is not None and job.attempt.phase in SIGNALED:
        turn.effects.append(SignalAll(job.attempt.key, asked.number, asked.done, asked.proof))
        return
    state, reason = ("has ended", Reason.ENDED) if job is None or job.latest.phase in ENDED else ("has not started", Reason.NOT_STARTED)
    refused = Refused(Code.FAILED_PRECONDITION, f"the job {format_id(asked.key.id)} {state} and cannot be sent a signal", reason=reason)
    turn.effects.append(Reply(partial(asked.done, refused)))


def suspend(turn: Turn, asked: Suspend) -> None:
    """Suspend jobs, or let them continue."""
    turn.effects += turn.state.pauses.ask(asked, [turn.state.live.get(key) for key in asked.keys])
