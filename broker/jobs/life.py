"""The life of an attempt at a job, as the desk sees it: one literal table. Knows no clock and no store, and calls no engine.

What is decided and not on the disk yet has its own phase: it is not published, and after a crash it may not have happened. Only the phase
determines what is shown, refused, followed or waited for. Whether a job is suspended, or waits for something, is separate.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from ...schemas.jobs.states import State


class Phase(enum.Enum):
    """The phases of an attempt."""

    # Hashed by identity: the hash of `Enum` is a Python function, and the tables are consulted many times per job.
    __hash__ = object.__hash__

    # Being written; CLEARING: together with the record that it may have been started.
    ACCEPTING = enum.auto()
    CLEARING = enum.auto()
    # Waits for its turn; CLEARED: it needs no further commit before it starts.
    QUEUED = enum.auto()
    CLEARED = enum.auto()
    # Its turn has come, and the record that it may have been started is being written. Without it, a power loss could make it run twice.
    LAUNCHING = enum.auto()
    # The engine has it.
    LAUNCHED = enum.auto()
    # The machine on which it was placed has refused it, and the record that it is on none is being written. Until then it is placed nowhere
    # else: after a crash, only that one may be asked again.
    RETURNING = enum.auto()
    # It has a process; STARTED: which is not on disk yet.
    STARTED = enum.auto()
    RUNNING = enum.auto()
    # It is being ended; ABORTING: its start is not on disk yet.
    ABORTING = enum.auto()
    STOPPING = enum.auto()
    # It has ended, and that is not on disk yet. Until then it is shown in the state of the name's second part.
    ENDED_QUEUED = enum.auto()
    ENDED_RUNNING = enum.auto()
    ENDED_STOPPING = enum.auto()
    FINISHED = enum.auto()


class Happening(enum.Enum):
    """What changes the phase of an attempt: requests, facts of the engine, and completed writes."""

    __hash__ = object.__hash__

    ACCEPTED = enum.auto()
    CHOSEN = enum.auto()
    LAUNCH_RECORDED = enum.auto()
    STARTED = enum.auto()
    START_RECORDED = enum.auto()
    STOP_ASKED = enum.auto()
    HELD = enum.auto()
    ENDED = enum.auto()
    END_RECORDED = enum.auto()
    RETURNED = enum.auto()
    RETURN_RECORDED = enum.auto()


class Impossible(Exception):  # noqa: N818 -- names what was found, in the manner of a fact
    """Something happened to an attempt that cannot happen in its phase: a bug, or a fact that arrived twice in an unforeseen way."""


_P, _H = Phase, Happening
# What the engine reports again (after a restart, or a lost connection) changes nothing. A stop before the engine has the attempt ends it
# at once.
NEXT: dict[tuple[Phase, Happening], Phase] = {
    (_P.ACCEPTING, _H.ACCEPTED): _P.QUEUED,
    (_P.CLEARING, _H.ACCEPTED): _P.CLEARED,
    (_P.QUEUED, _H.CHOSEN): _P.LAUNCHING,
    (_P.QUEUED, _H.STOP_ASKED): _P.ENDED_QUEUED,
    (_P.QUEUED, _H.HELD): _P.QUEUED,
    (_P.CLEARED, _H.CHOSEN): _P.LAUNCHED,
    (_P.CLEARED, _H.STOP_ASKED): _P.ENDED_QUEUED,
    # It may wait for long: after a power loss, nobody must wonder whether it was started.
    (_P.CLEARED, _H.HELD): _P.QUEUED,
    (_P.LAUNCHING, _H.LAUNCH_RECORDED): _P.LAUNCHED,
    (_P.LAUNCHING, _H.STOP_ASKED): _P.ENDED_QUEUED,
    (_P.LAUNCHED, _H.STARTED): _P.STARTED,
    (_P.LAUNCHED, _H.STOP_ASKED): _P.ABORTING,
    (_P.LAUNCHED, _H.ENDED): _P.ENDED_QUEUED,
    (_P.LAUNCHED, _H.RETURNED): _P.RETURNING,
    (_P.RETURNING, _H.RETURN_RECORDED): _P.QUEUED,
    (_P.RETURNING, _H.STOP_ASKED): _P.ENDED_QUEUED,
    (_P.STARTED, _H.STARTED): _P.STARTED,
    (_P.STARTED, _H.START_RECORDED): _P.RUNNING,
    (_P.STARTED, _H.STOP_ASKED): _P.ABORTING,
    (_P.STARTED, _H.ENDED): _P.ENDED_QUEUED,
    (_P.RUNNING, _H.STARTED): _P.RUNNING,
    (_P.RUNNING, _H.START_RECORDED): _P.RUNNING,
    (_P.RUNNING, _H.STOP_ASKED): _P.STOPPING,
    (_P.RUNNING, _H.ENDED): _P.ENDED_RUNNING,
    (_P.ABORTING, _H.STARTED): _P.ABORTING,
    (_P.ABORTING, _H.START_RECORDED): _P.STOPPING,
    (_P.ABORTING, _H.STOP_ASKED): _P.ABORTING,
    (_P.ABORTING, _H.ENDED): _P.ENDED_STOPPING,
    (_P.STOPPING, _H.STARTED): _P.STOPPING,
    (_P.STOPPING, _H.START_RECORDED): _P.STOPPING,
    (_P.STOPPING, _H.STOP_ASKED): _P.STOPPING,
    (_P.STOPPING, _H.ENDED): _P.ENDED_STOPPING,
    (_P.ENDED_QUEUED, _H.LAUNCH_RECORDED): _P.ENDED_QUEUED,
    (_P.ENDED_QUEUED, _H.RETURN_RECORDED): _P.ENDED_QUEUED,
    (_P.ENDED_QUEUED, _H.STARTED): _P.ENDED_QUEUED,
    (_P.ENDED_QUEUED, _H.START_RECORDED): _P.ENDED_RUNNING,
    (_P.ENDED_QUEUED, _H.STOP_ASKED): _P.ENDED_QUEUED,
    (_P.ENDED_QUEUED, _H.ENDED): _P.ENDED_QUEUED,
    (_P.ENDED_QUEUED, _H.END_RECORDED): _P.FINISHED,
    (_P.ENDED_RUNNING, _H.STARTED): _P.ENDED_RUNNING,
    (_P.ENDED_RUNNING, _H.START_RECORDED): _P.ENDED_RUNNING,
    (_P.ENDED_RUNNING, _H.STOP_ASKED): _P.ENDED_RUNNING,
    (_P.ENDED_RUNNING, _H.ENDED): _P.ENDED_RUNNING,
    (_P.ENDED_RUNNING, _H.END_RECORDED): _P.FINISHED,
    (_P.ENDED_STOPPING, _H.STARTED): _P.ENDED_STOPPING,
    (_P.ENDED_STOPPING, _H.START_RECORDED): _P.ENDED_STOPPING,
    (_P.ENDED_STOPPING, _H.STOP_ASKED): _P.ENDED_STOPPING,
    (_P.ENDED_STOPPING, _H.ENDED): _P.ENDED_STOPPING,
    (_P.ENDED_STOPPING, _H.END_RECORDED): _P.FINISHED,
    (_P.FINISHED, _H.STARTED): _P.FINISHED,
    (_P.FINISHED, _H.STOP_ASKED): _P.FINISHED,
    (_P.FINISHED, _H.ENDED): _P.FINISHED,
}

# The state that others are shown: never what is not on disk yet, except a stop, which promises nothing before it is acknowledged.
SHOWN: dict[Phase, State] = {
    _P.ACCEPTING: State.QUEUED,
    _P.CLEARING: State.QUEUED,
    _P.QUEUED: State.QUEUED,
    _P.CLEARED: State.QUEUED,
    _P.LAUNCHING: State.QUEUED,
    _P.LAUNCHED: State.QUEUED,
    _P.RETURNING: State.QUEUED,
    _P.STARTED: State.QUEUED,
    _P.RUNNING: State.RUNNING,
    _P.ABORTING: State.STOPPING,
    _P.STOPPING: State.STOPPING,
    _P.ENDED_QUEUED: State.QUEUED,
    _P.ENDED_RUNNING: State.RUNNING,
    _P.ENDED_STOPPING: State.STOPPING,
    _P.FINISHED: State.FINISHED,
}


class Stored(NamedTuple):
    """A phase as it is stored: the state, and whether the attempt may have been started."""

    state: State
    launched: bool


STORED: dict[Phase, Stored] = {
    _P.ACCEPTING: Stored(State.QUEUED, launched=False),
    _P.CLEARING: Stored(State.QUEUED, launched=True),
    _P.QUEUED: Stored(State.QUEUED, launched=False),
    _P.CLEARED: Stored(State.QUEUED, launched=True),
    _P.LAUNCHING: Stored(State.QUEUED, launched=True),
    _P.LAUNCHED: Stored(State.QUEUED, launched=True),
    _P.RETURNING: Stored(State.QUEUED, launched=True),
    _P.STARTED: Stored(State.RUNNING, launched=True),
    _P.RUNNING: Stored(State.RUNNING, launched=True),
    _P.ABORTING: Stored(State.STOPPING, launched=True),
    _P.STOPPING: Stored(State.STOPPING, launched=True),
    _P.ENDED_QUEUED: Stored(State.FINISHED, launched=True),
    _P.ENDED_RUNNING: Stored(State.FINISHED, launched=True),
    _P.ENDED_STOPPING: Stored(State.FINISHED, launched=True),
    _P.FINISHED: Stored(State.FINISHED, launched=True),
}


class TakeUp(enum.Enum):
    """What a desk does at its start with an unended attempt."""

    QUEUE = enum.auto()
    COUNT_AS_RUNNING = enum.auto()
    # Count it as running, and end it, as was acknowledged.
    REPEAT_STOP = enum.auto()
    # It was stopped while it was being started, and the start never happened.
    CANCEL = enum.auto()


# By the phase in the store, and whether the engine knows the attempt: the phase in which it continues, and what is done.
RECOVERED: dict[tuple[Phase, bool], tuple[Phase, TakeUp]] = {
    (_P.QUEUED, False): (_P.QUEUED, TakeUp.QUEUE),
    # A store that was rebuilt from the log folders may not know that it was launched.
    (_P.QUEUED, True): (_P.LAUNCHED, TakeUp.COUNT_AS_RUNNING),
    (_P.CLEARED, False): (_P.CLEARED, TakeUp.QUEUE),
    # It was launched, and the fact had not arrived or was not durable.
    (_P.CLEARED, True): (_P.LAUNCHED, TakeUp.COUNT_AS_RUNNING),
    # An engine never forgets an attempt with a process: at least it reports it as lost.
    (_P.RUNNING, False): (_P.RUNNING, TakeUp.COUNT_AS_RUNNING),
    (_P.RUNNING, True): (_P.RUNNING, TakeUp.COUNT_AS_RUNNING),
    (_P.ABORTING, False): (_P.ABORTING, TakeUp.CANCEL),
    (_P.ABORTING, True): (_P.ABORTING, TakeUp.REPEAT_STOP),
    (_P.STOPPING, False): (_P.STOPPING, TakeUp.COUNT_AS_RUNNING),
    (_P.STOPPING, True): (_P.STOPPING, TakeUp.REPEAT_STOP),
}

# In the queue.
WAITING = frozenset({_P.QUEUED, _P.CLEARED})
# The engine has it, and requests about it go there.
WITH_ENGINE = frozenset({_P.LAUNCHED, _P.STARTED, _P.RUNNING, _P.ABORTING, _P.STOPPING})
# It can be signalled; of these, an attempt that is being ended can no longer be suspended.
SIGNALED = frozenset({_P.STARTED, _P.RUNNING, _P.ABORTING, _P.STOPPING})
SUSPENDABLE = frozenset({_P.STARTED, _P.RUNNING})
# Its start is durable, and its end is not known.
START_TOLD = frozenset({_P.RUNNING, _P.STOPPING})
# That it started is durable, and its end is not.
END_AWAITED = START_TOLD | {_P.ENDED_RUNNING, _P.ENDED_STOPPING}
# The engine was given it, and has not been told to end it.
LIMITED = frozenset({_P.LAUNCHED, _P.STARTED, _P.RUNNING})
ENDED = frozenset({_P.ENDED_QUEUED, _P.ENDED_RUNNING, _P.ENDED_STOPPING, _P.FINISHED})


def advance(phase: Phase, happening: Happening) -> Phase:
    """Return the next phase.

    Raises Impossible for what is not in the table.
    """
    try:
        return NEXT[phase, happening]
    except KeyError:
        raise Impossible(f"{happening.name} in phase {phase.name}") from None


def phase_of(stored: Stored, *, has_process: bool) -> Phase:
    """Return the phase in which a stored attempt resumes."""
    match stored.state:
        case State.QUEUED:
            return Phase.CLEARED if stored.launched else Phase.QUEUED
        case State.RUNNING:
            return Phase.RUNNING
        case State.STOPPING:
            return Phase.STOPPING if has_process else Phase.ABORTING
        case State.FINISHED:
            return Phase.FINISHED
