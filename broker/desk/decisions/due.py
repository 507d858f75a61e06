"""Jobs that wait for a time: they are looked at when it has come, and the desk is told when that is next."""

from __future__ import annotations

from ..effects import WakeAt
from ..turn import Turn


def look_at_due(turn: Turn) -> None:
    """Let in the jobs whose time has come, unless they wait for something else too."""
    state = turn.state
    # The alarm has rung, or the clock was set: it is to be set again.
    state.alarm = None
    for job in state.deadlines.take_due(turn.moment.passed_us):
        job.starts_passed_us = job.not_before_us = 0
        state.let_in(job)
    for job in state.clock_deadlines.take_due(turn.moment.wall_us):
        job.starts_wall_us = 0
        state.let_in(job)


def set_alarm(turn: Turn) -> None:
    """Have the desk wake up when the next job is due, and not before."""
    state = turn.state
    following = WakeAt(state.deadlines.next_us, state.clock_deadlines.next_us)
    if following != state.alarm:
        state.alarm = following
        turn.effects.append(following)
