"""Requests to end jobs."""

from __future__ import annotations

from ....schemas.jobs.states import EventKind
from ...jobs.life import ENDED, NEXT, WAITING, Happening, Phase
from ...writes.events import event_of
from ..effects import Reply
from ..inputs import Stop
from ..turn import Turn
from .consequences import ended_for_good
from .facts import cancelled


def stop(turn: Turn, asked: Stop) -> None:
    """End jobs with all their processes; a job without a process ends at once."""
    turn.replies.append(Reply(asked.done))
    turn.proof = asked.proof
    for key, order in asked.orders:
        job = turn.state.live.get(key)
        if job is None or job.latest.phase in ENDED:
            continue
        attempt, before = job.latest, job.latest.phase
        if asked.only_queued and NEXT[before, Happening.STOP_ASKED] is not Phase.ENDED_QUEUED:
            continue
        attempt.happened(Happening.STOP_ASKED)
        if before is attempt.phase:
            # A second stop makes no event. A shorter grace is recorded, for the next run of this worker.
            if job.stop is None or order.grace_ms < job.stop.grace_ms:
                job.stop = order
                turn.events.setdefault(job, [])
            turn.ending.append((job, order))
            continue
        job.stop = order
        if attempt.phase not in ENDED:
            turn.events[job] = [event_of(EventKind.STOPPING, job, turn.moment.now_us, f"stopped by {order.asked_by}")]
            turn.ending.append((job, order))
            continue
        if before in WAITING:
            turn.state.queue.withdraw(key)
            turn.state.wait_no_more(job)
        else:
            turn.state.queue.release(key)
        attempt.ended_at_us = turn.moment.now_us
        attempt.outcome = cancelled(job, turn.moment.now_us).outcome
        turn.events[job] = [event_of(EventKind.FINISHED, job, turn.moment.now_us)]
        ended_for_good(turn, job)
