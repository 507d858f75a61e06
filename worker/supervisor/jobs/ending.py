"""How a job ends: one literal table from a stage and an event to the next stage and the effects. Pure.

Knows no process, no timer and no clock: stopping.py carries the effects out, in order. Whether the leader or a descendant is left makes no
difference here: a job is over when none of its processes is left, or only those that may linger.
"""

from __future__ import annotations

import enum


class Stage(enum.Enum):
    """The stage of a job on its way to the end."""

    # Hashed by identity: the hash of `Enum` is a Python function.
    __hash__ = object.__hash__

    # Not asked to end.
    RUNS = enum.auto()
    # It was sent a signal, and its grace time runs.
    TOLD = enum.auto()
    # It was sent SIGKILL.
    KILLED = enum.auto()
    OVER = enum.auto()


class Happening(enum.Enum):
    """An event."""

    __hash__ = object.__hash__  # as above

    # A stop was requested, with or without a grace time.
    STOPPED = enum.auto()
    STOPPED_NOW = enum.auto()
    LIMIT_PASSED = enum.auto()
    GRACE_PASSED = enum.auto()
    OUTPUT_PASSED = enum.auto()
    MEMORY_PASSED = enum.auto()
    # Its leader ended and left processes behind, which are to be ended too, or may linger if the leader ended by itself.
    REMAINS_LEFT = enum.auto()
    LINGERERS_LEFT = enum.auto()
    NOTHING_LEFT = enum.auto()


class Reason(enum.Enum):
    """Who requested the end first, other than the job itself."""

    ASKED = enum.auto()
    TIME = enum.auto()
    OUTPUT = enum.auto()
    MEMORY = enum.auto()


class Effect(enum.Enum):
    """What to do; stopping.py carries it out."""

    # Send the signal of this stop to all its processes, and thaw it if it is paused.
    SIGNAL = enum.auto()
    # Kill it when the grace time of this stop has passed, unless that is due earlier anyway.
    LET_GRACE_RUN = enum.auto()
    KILL = enum.auto()
    # Stop it as its spec says; that is its next event.
    STOP_AS_AGREED = enum.auto()
    # A frozen leader was ended by SIGKILL only; nobody could thaw the others later.
    THAW = enum.auto()
    FINISH = enum.auto()


# A reason among the effects is recorded. The first that is recorded is why the job ends.
TABLE: dict[tuple[Stage, Happening], tuple[Stage, tuple[Effect | Reason, ...]]] = {
    (Stage.RUNS, Happening.STOPPED): (Stage.TOLD, (Effect.SIGNAL, Effect.LET_GRACE_RUN)),
    (Stage.RUNS, Happening.STOPPED_NOW): (Stage.KILLED, (Effect.KILL,)),
    (Stage.RUNS, Happening.LIMIT_PASSED): (Stage.RUNS, (Reason.TIME, Effect.STOP_AS_AGREED)),
    (Stage.RUNS, Happening.OUTPUT_PASSED): (Stage.RUNS, (Reason.OUTPUT, Effect.STOP_AS_AGREED)),
    # Some of its processes are dead already: all or none.
    (Stage.RUNS, Happening.MEMORY_PASSED): (Stage.KILLED, (Reason.MEMORY, Effect.KILL)),
    (Stage.RUNS, Happening.REMAINS_LEFT): (Stage.RUNS, (Effect.STOP_AS_AGREED,)),
    (Stage.RUNS, Happening.LINGERERS_LEFT): (Stage.OVER, (Effect.THAW, Effect.FINISH)),
    (Stage.RUNS, Happening.NOTHING_LEFT): (Stage.OVER, (Effect.FINISH,)),
    # Stopped again: the signal may differ, the grace time can only become shorter.
    (Stage.TOLD, Happening.STOPPED): (Stage.TOLD, (Effect.SIGNAL, Effect.LET_GRACE_RUN)),
    (Stage.TOLD, Happening.STOPPED_NOW): (Stage.KILLED, (Effect.KILL,)),
    # A stop came first: the limit is not why it ends, but may shorten the grace time.
    (Stage.TOLD, Happening.LIMIT_PASSED): (Stage.TOLD, (Effect.STOP_AS_AGREED,)),
    (Stage.TOLD, Happening.OUTPUT_PASSED): (Stage.TOLD, (Reason.OUTPUT, Effect.STOP_AS_AGREED)),
    (Stage.TOLD, Happening.MEMORY_PASSED): (Stage.KILLED, (Reason.MEMORY, Effect.KILL)),
    (Stage.TOLD, Happening.GRACE_PASSED): (Stage.KILLED, (Effect.KILL,)),
    (Stage.TOLD, Happening.REMAINS_LEFT): (Stage.TOLD, ()),
    (Stage.TOLD, Happening.LINGERERS_LEFT): (Stage.TOLD, ()),
    (Stage.TOLD, Happening.NOTHING_LEFT): (Stage.OVER, (Effect.FINISH,)),
    # Nothing is stronger than SIGKILL. Processes that are still left are named after a while.
    (Stage.KILLED, Happening.STOPPED): (Stage.KILLED, (Effect.SIGNAL,)),
    (Stage.KILLED, Happening.STOPPED_NOW): (Stage.KILLED, ()),
    (Stage.KILLED, Happening.LIMIT_PASSED): (Stage.KILLED, ()),
    (Stage.KILLED, Happening.OUTPUT_PASSED): (Stage.KILLED, (Reason.OUTPUT,)),
    (Stage.KILLED, Happening.MEMORY_PASSED): (Stage.KILLED, ()),
    (Stage.KILLED, Happening.REMAINS_LEFT): (Stage.KILLED, ()),
    (Stage.KILLED, Happening.LINGERERS_LEFT): (Stage.KILLED, ()),
    (Stage.KILLED, Happening.NOTHING_LEFT): (Stage.OVER, (Effect.FINISH,)),
    # Its last output is being drained, or waits with its outcome for disk space.
    (Stage.OVER, Happening.STOPPED): (Stage.OVER, ()),
    (Stage.OVER, Happening.STOPPED_NOW): (Stage.OVER, ()),
    (Stage.OVER, Happening.GRACE_PASSED): (Stage.OVER, ()),
    (Stage.OVER, Happening.OUTPUT_PASSED): (Stage.OVER, (Reason.OUTPUT,)),
    # Lingering processes.
    (Stage.OVER, Happening.MEMORY_PASSED): (Stage.OVER, ()),
}
