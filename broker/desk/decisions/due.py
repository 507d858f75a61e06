"""Jobs that wait for a time: they are looked at when it has come, and the desk is told when that is next."""

from __future__ import annotations

from ..effects import WakeAt
from ..turn import Turn


def look_at_due(turn: Turn) -> None:
    """Let in the jobs whose time has come, unless they wait for something else too."""
    state = turn.state
    state.alarm_us = None
    for job in state.deadlines.take_due(turn.moment.passed_us):
        job.not_before_us = 0
        # One that is being written is put into the queue when it is durable.
        if job.is_ready and job.key in state.live:
            state.queue.let_in(job.key)


def set_alarm(turn: Turn) -> None:
    """Have the desk wake up when the next job is due, and not before."""
    next_us = turn.state.deadlines.next_us
    if next_us != turn.state.alarm_us:
        turn.state.alarm_us = next_us
        turn.effects.append(WakeAt(next_us))
