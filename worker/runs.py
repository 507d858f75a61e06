"""Finds the runs of jobs among the log folders: their logs, and how those ended that the supervisor does not know. Knows no supervisor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ..broker.engine import Ended, Expected, Run, StreamName
from ..schemas.refusal import Code, Refused
from . import folders
from .facts import lost, read_ended, why_lost

# A folder can be renamed between finding and opening it, once in its life.
_LOOKS = 3
_Read = TypeVar("_Read")


def at_log(logs: str, run: Run, stream: StreamName, do: Callable[[str], _Read]) -> _Read:
    """Do something with the path of a log, wherever its folder is just now: it is renamed when the job ends.

    Raises Refused(NOT_FOUND) if it is nowhere.
    """
    for _ in range(_LOOKS):
        folder = folders.find_run(logs, run.pid, run.started_at_us, run.ended_at_us)
        if folder is None:
            break
        try:
            return do(f"{folder}/{stream}")
        except Refused as refused:
            if refused.code is not Code.NOT_FOUND:
                raise
    raise Refused(Code.NOT_FOUND, "the logs of this job are not there any more")


def ends_of(logs: str, unknown: Sequence[Expected], *, rebooted: bool) -> list[Ended]:
    """Say how those ended that the supervisor does not know: as their outcomes tell, or lost. The others can be started."""
    missing = {folders.handle(one.key): one for one in unknown}
    ended = folders.find_ended(logs, set(missing), min(one.queued_at_us for one in unknown)) if unknown else {}
    facts: list[Ended] = []
    for handle, folder in ended.items():
        outcome = folders.read_outcome(folder)
        if outcome is not None:
            facts.append(read_ended(handle, outcome._asdict()))
            del missing[handle]
    facts += [lost(one, sentence) for one in missing.values() if (sentence := why_lost(one, rebooted=rebooted))]
    return facts
