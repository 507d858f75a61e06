"""What an earlier supervisor left of a job, and what to do about it: two literal tables. Pure; adopt.py reads and acts.

A supervisor creates `stderr` just before it forks, writes `outcome` before it reaps, and renames the folder after that. So the names show
how far it got.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from ....schemas.naming import parse_folder
from ...state.log_folders.folders import INTENT_PREFIX, is_handle


class Left(enum.Enum):
    """The state of a folder."""

    # Not the folder of a job.
    NOTHING = enum.auto()
    # .new-<handle>: a start that was not attempted.
    INTENT = enum.auto()
    # .new-<handle> with `stderr`: a fork may have happened.
    TRIED = enum.auto()
    # <pid>_<start>
    RUN = enum.auto()
    # One of the last two, with a complete `outcome`.
    OUTCOME = enum.auto()
    # <pid>_<start>_<end>
    ENDED = enum.auto()


class Witness(enum.Enum):
    """Whether, and from whom, it is known that an attempted start created a process."""

    # The process itself, alive or reaped by the keeper.
    PROCESS = enum.auto()
    # The keeper was running the whole time, and there is no process.
    KEEPER = enum.auto()
    NOBODY = enum.auto()


class Deed(enum.Enum):
    """What to do about a folder."""

    # Keep it: an intent is started when that is requested again, and for an end the keeper knows whether it was settled.
    LEAVE = enum.auto()
    ASK_FOR_WITNESS = enum.auto()
    # Watch it and pump its pipes.
    TAKE_OVER = enum.auto()
    # It ended; only the last name is missing.
    NAME = enum.auto()
    # It was not started; it is an intent again.
    FORGET_TRY = enum.auto()
    # Whether it ran is not known, so it must not be started again.
    CALL_LOST = enum.auto()


OF_FOLDER = {
    Left.NOTHING: Deed.LEAVE,
    Left.INTENT: Deed.LEAVE,
    Left.TRIED: Deed.ASK_FOR_WITNESS,
    Left.RUN: Deed.TAKE_OVER,
    Left.OUTCOME: Deed.NAME,
    Left.ENDED: Deed.LEAVE,
}
OF_TRY = {
    Witness.PROCESS: Deed.TAKE_OVER,
    Witness.KEEPER: Deed.FORGET_TRY,
    Witness.NOBODY: Deed.CALL_LOST,
}


def left(name: str, has_stderr: Callable[[], bool], has_outcome: Callable[[], bool]) -> Left:
    """Return the state of a folder, from its name, and if that is ambiguous, from whether it contains one of two files."""
    if name.startswith(INTENT_PREFIX):
        if not is_handle(name.removeprefix(INTENT_PREFIX)):
            return Left.NOTHING
        if not has_stderr():
            return Left.INTENT
        return Left.OUTCOME if has_outcome() else Left.TRIED
    # Most folders belong to jobs that ended; their names are not even parsed.
    if name.count("_") != 1:
        return Left.ENDED if name.count("_") == 2 else Left.NOTHING  # noqa: PLR2004 -- pid, start, end
    if parse_folder(name) is None:
        return Left.NOTHING
    return Left.OUTCOME if has_outcome() else Left.RUN


def witness(pid: int, *, keeper_is_new: bool) -> Witness:
    """Return what is known. `pid`: the process that was found (0: none); a new keeper does not know what happened before it started."""
    if pid:
        return Witness.PROCESS
    return Witness.NOBODY if keeper_is_new else Witness.KEEPER
