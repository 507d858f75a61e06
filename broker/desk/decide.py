"""Decide what happens to jobs: requests and facts are inputs, writes and effects are outputs.

Pure: no I/O, no clock, no callback is called. `State` is changed in place. A decision is written first; effects are decided when the
write has succeeded or failed (`Written`), from the phase at that moment. The inputs and their moments suffice to repeat every decision.
"""

from __future__ import annotations

from typing import assert_never

from .decisions.changes import alter, set_capacity, set_machine, set_width
from .decisions.consequences import follow
from .decisions.finishes import finish_runs
from .decisions.hearing import hear
from .decisions.lending import lend_for_broker, wait_for
from .decisions.processes import signal, suspend
from .decisions.records import choose_and_record, recorded, write_delayed
from .decisions.recovery import recover, take_up, take_up_edges, take_up_runs
from .decisions.start_times import look_at_due, set_alarm
from .decisions.starts import accepted, enter, start
from .decisions.stops import stop
from .inputs import (
    Alter,
    Await,
    Due,
    EdgesFound,
    Facts,
    Following,
    Found,
    Input,
    Lend,
    Moment,
    Reconsidered,
    Recovered,
    RunsFound,
    SetCapacity,
    SetMachine,
    SetWidth,
    Signal,
    Start,
    Stop,
    Suspend,
    WriteDelayed,
    Written,
)
from .state import Accepting, State
from .turn import Decision, Turn


def decide(state: State, one: Input, moment: Moment | None) -> Decision:  # noqa: C901, PLR0912, PLR0915 -- a case for each kind of input, and nothing else
    """Return the decision about one input at this moment; None for `Written`, because a write keeps the moment of its decision.

    Raises Impossible for an input that cannot happen, which is a bug.
    """
    turn = Turn(state, moment)
    # The most frequent first.
    match one:
        case Written():
            _written(turn, one)
        case Facts():
            hear(turn, one.facts)
        case Await():
            wait_for(turn, one)
        case Lend():
            lend_for_broker(turn.state, one)
        case Start():
            start(turn, one)
        case Stop():
            stop(turn, one)
        case Signal():
            signal(turn, one)
        case Suspend():
            suspend(turn, one)
        case Alter():
            alter(turn, one)
        case SetWidth():
            set_width(turn, one)
        case SetCapacity():
            set_capacity(turn, one)
        case SetMachine():
            set_machine(turn, one)
        case Found():
            take_up(turn, one)
        case EdgesFound():
            take_up_edges(turn, one)
        case RunsFound():
            take_up_runs(turn, one)
        case Recovered():
            recover(turn, one)
        case WriteDelayed():
            write_delayed(turn, one)
        case Due():
            look_at_due(turn)
        case Following():
            state.is_following = False
        case Reconsidered():
            enter(turn)
        case _:
            assert_never(one)
    if turn.dated is None and (state.sparing or state.expiring):
        # Whose turn has come may have to be cancelled instead, or may have come too late, which gets a date.
        turn.reconsiders = True
    if not turn.reconsiders:
        # What follows from ends, and what may start, depends on all jobs.
        follows = bool(state.dependencies.due) and state.recovering is None
        if follows:
            follow(turn)
        if state.finishing and state.recovering is None:
            finish_runs(turn)
        # A start takes slots and frees none: what may start is chosen when it is durable, and not while its sender waits for that.
        if follows or turn.finishes or not isinstance(one, Start):
            choose_and_record(turn)
        set_alarm(turn)
    return turn


def _written(turn: Turn, written: Written) -> None:
    pending = turn.state.under_way.pop(written.number)
    if isinstance(pending, Accepting):
        accepted(turn, pending, written.result)
    elif isinstance(written.result, int):
        recorded(turn, pending, written.result)
