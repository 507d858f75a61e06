"""How a job is brought to its end: one literal table of where it is, what happened, where it is then, and what is to be done. Pure.

Knows no process, no timer and no clock: job.py carries the effects out, in their order. Whether the leader or a descendant is left makes
no difference here: a job is over when nothing of it is left, or only what is to linger.
"""

from __future__ import annotations

import enum


class Stage(enum.Enum):
    """Where a job is on its way to the end."""

    # Nothing was done to end it.
    RUNS = enum.auto()
    # It got a signal, and its grace runs.
    TOLD = enum.auto()
    # It got SIGKILL.
    KILLED = enum.auto()
    OVER = enum.auto()


class Happening(enum.Enum):
    """What moves it on."""

    # Somebody wants it to end: with a grace, or with none.
    STOPPED = enum.auto()
    STOPPED_NOW = enum.auto()
    LIMIT_PASSED = enum.auto()
    GRACE_PASSED = enum.auto()
    OUTPUT_PASSED = enum.auto()
    # Its leader ended and left something behind: which is to end too, or to go on if the leader ended by itself.
    REMAINS_LEFT = enum.auto()
    LINGERERS_LEFT = enum.auto()
    NOTHING_LEFT = enum.auto()


class Effect(enum.Enum):
    """What is to be done."""

    # Send the signal of this stop to all of it, and let it go on if it stands still.
    SIGNAL = enum.auto()
    # SIGKILL comes when the grace of this stop has passed, unless it comes sooner anyway.
    LET_GRACE_RUN = enum.auto()
    KILL = enum.auto()
    # Stop it as its spec says: that happens to it next.
    STOP_AS_AGREED = enum.auto()
    # Why it ends, unless there was a reason before.
    BLAME_TIME = enum.auto()
    BLAME_OUTPUT = enum.auto()
    # Only a kill ends a leader that stands still; nobody could let the others go on later.
    THAW = enum.auto()
    FINISH = enum.auto()


TABLE: dict[tuple[Stage, Happening], tuple[Stage, tuple[Effect, ...]]] = {
    (Stage.RUNS, Happening.STOPPED): (Stage.TOLD, (Effect.SIGNAL, Effect.LET_GRACE_RUN)),
    (Stage.RUNS, Happening.STOPPED_NOW): (Stage.KILLED, (Effect.KILL,)),
    (Stage.RUNS, Happening.LIMIT_PASSED): (Stage.RUNS, (Effect.BLAME_TIME, Effect.STOP_AS_AGREED)),
    (Stage.RUNS, Happening.OUTPUT_PASSED): (Stage.RUNS, (Effect.BLAME_OUTPUT, Effect.STOP_AS_AGREED)),
    (Stage.RUNS, Happening.REMAINS_LEFT): (Stage.RUNS, (Effect.STOP_AS_AGREED,)),
    (Stage.RUNS, Happening.LINGERERS_LEFT): (Stage.OVER, (Effect.THAW, Effect.FINISH)),
    (Stage.RUNS, Happening.NOTHING_LEFT): (Stage.OVER, (Effect.FINISH,)),
    # Stopped once more: the signal may be another one, the grace can only become shorter.
    (Stage.TOLD, Happening.STOPPED): (Stage.TOLD, (Effect.SIGNAL, Effect.LET_GRACE_RUN)),
    (Stage.TOLD, Happening.STOPPED_NOW): (Stage.KILLED, (Effect.KILL,)),
    # Somebody was faster: the limit is not why it ends, but may shorten the grace.
    (Stage.TOLD, Happening.LIMIT_PASSED): (Stage.TOLD, (Effect.STOP_AS_AGREED,)),
    (Stage.TOLD, Happening.OUTPUT_PASSED): (Stage.TOLD, (Effect.BLAME_OUTPUT, Effect.STOP_AS_AGREED)),
    (Stage.TOLD, Happening.GRACE_PASSED): (Stage.KILLED, (Effect.KILL,)),
    (Stage.TOLD, Happening.REMAINS_LEFT): (Stage.TOLD, ()),
    (Stage.TOLD, Happening.LINGERERS_LEFT): (Stage.TOLD, ()),
    (Stage.TOLD, Happening.NOTHING_LEFT): (Stage.OVER, (Effect.FINISH,)),
    # There is nothing stronger. What is still left is named with its pid after a while.
    (Stage.KILLED, Happening.STOPPED): (Stage.KILLED, (Effect.SIGNAL,)),
    (Stage.KILLED, Happening.STOPPED_NOW): (Stage.KILLED, ()),
    (Stage.KILLED, Happening.LIMIT_PASSED): (Stage.KILLED, ()),
    (Stage.KILLED, Happening.OUTPUT_PASSED): (Stage.KILLED, (Effect.BLAME_OUTPUT,)),
    (Stage.KILLED, Happening.REMAINS_LEFT): (Stage.KILLED, ()),
    (Stage.KILLED, Happening.LINGERERS_LEFT): (Stage.KILLED, ()),
    (Stage.KILLED, Happening.NOTHING_LEFT): (Stage.OVER, (Effect.FINISH,)),
    # Its last output is drained, or waits with its outcome for room on the disk.
    (Stage.OVER, Happening.STOPPED): (Stage.OVER, ()),
    (Stage.OVER, Happening.STOPPED_NOW): (Stage.OVER, ()),
    (Stage.OVER, Happening.GRACE_PASSED): (Stage.OVER, ()),
    (Stage.OVER, Happening.OUTPUT_PASSED): (Stage.OVER, (Effect.BLAME_OUTPUT,)),
}
