"""What an earlier supervisor left of a job, and what is to be done about it: two literal tables. Pure; adopt.py looks and carries out.

A supervisor makes `stderr` just before it forks, writes `outcome` before it reaps, and gives the folder its last name after that. So the
names tell how far it came.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from ....schemas.naming import parse_folder
from ...state.folders import INTENT_PREFIX


class Left(enum.Enum):
    """What a folder shows."""

    # Not the folder of a job.
    NOTHING = enum.auto()
    # .new-<handle>: a start that was not tried.
    INTENT = enum.auto()
    # .new-<handle> with `stderr`: a fork may have happened.
    TRIED = enum.auto()
    # <pid>_<start>
    RUN = enum.auto()
    # Either of them with a whole `outcome`.
    OUTCOME = enum.auto()
    # <pid>_<start>_<end>
    ENDED = enum.auto()


class Witness(enum.Enum):
    """Who can tell whether a start that was tried became a process."""

    # The process itself, alive or reaped by the keeper.
    PROCESS = enum.auto()
    # The keeper was there the whole time, and there is no process.
    KEEPER = enum.auto()
    NOBODY = enum.auto()


class Deed(enum.Enum):
    """What is to be done."""

    # It stays: an intent is started when that is asked for again, and of an end the keeper knows whether it was settled.
    LEAVE = enum.auto()
    ASK_FOR_WITNESS = enum.auto()
    # Watch it and pump its pipes.
    TAKE_OVER = enum.auto()
    # It ended; only the new name is missing.
    NAME = enum.auto()
    # It was not started: an intent again.
    FORGET_TRY = enum.auto()
    # Whether it ran cannot be known, so it must not run again.
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
    """Read a folder's name, and where that is not enough, whether it holds one of two files."""
    if name.startswith(INTENT_PREFIX):
        if not has_stderr():
            return Left.INTENT
        return Left.OUTCOME if has_outcome() else Left.TRIED
    # Most folders are of jobs that ended: they are not even taken apart.
    if name.count("_") != 1:
        return Left.ENDED if name.count("_") == 2 else Left.NOTHING  # noqa: PLR2004 -- pid, start, end
    if parse_folder(name) is None:
        return Left.NOTHING
    return Left.OUTCOME if has_outcome() else Left.RUN


def witness(pid: int, *, keeper_is_new: bool) -> Witness:
    """Say who can tell: `pid` is the process that was found (0: none), and a new keeper has not seen what happened before it."""
    if pid:
        return Witness.PROCESS
    return Witness.NOBODY if keeper_is_new else Witness.KEEPER
