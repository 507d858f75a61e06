"""Facts for the desk, made from messages of the supervisor, from outcome files, or from missing ones. Knows no socket and no folder."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

from ...broker.engine import Ended, Expected, Launch
from ...broker.store.free_space import no_files_left
from ...schemas.clock import wall_us
from ...schemas.jobs.reserved_statuses import OWN_FAILURE
from ...schemas.jobs.states import Outcome, OutcomeKind, ResourceUse
from ...schemas.naming import AttemptKey
from ...schemas.private_parts.frozen import made
from ..wire.words import Kind
from .supervisor_line import Message

_KINDS = {
    Kind.EXITED: OutcomeKind.EXITED,
    Kind.SIGNALED: OutcomeKind.SIGNALED,
    Kind.FAILED_TO_START: OutcomeKind.FAILED_TO_START,
    Kind.TIMED_OUT: OutcomeKind.TIMED_OUT,
    Kind.CANCELLED: OutcomeKind.CANCELLED,
    Kind.OVER_LIMIT: OutcomeKind.OVER_LIMIT,
    Kind.LOST: OutcomeKind.LOST,
}


# How problems of logs begin that are nothing for who runs the machine.
_BY_SOMEBODY = "its log was "
# Why a job waits in its writes.
WRITES_DELAYED = "its output waits until its log can be written: the worker's disk is full or read-only, or the log cannot be opened"


def start_delayed(logs: str) -> str:
    """Return why a start waits for the disk of the log folders: it has no free space, or no free inodes."""
    if no_files_left(Path(logs)):
        return "the disk of its logs has no free inodes: remove some files; df -i shows how many there are"
    return "the disk of its logs is full or read-only"


class _Trace(enum.Enum):
    """What the desk knows about a job without an outcome that the supervisor does not know."""

    HAD_A_PROCESS = enum.auto()
    MAY_HAVE_BEEN_LAUNCHED = enum.auto()
    QUEUED = enum.auto()


# What a field of 64 bits can hold.
_LARGEST = 1 << 64
_MOVED = ("read_bytes", "written_bytes")
# An outcome file is written before the leader is reaped, and the first three are known only after that.
_USED = ("user_us", "system_us", "max_resident_bytes", "cpu_us", "peak_memory_bytes")
_SAID = ("exit_status", "signal", "sentence", "stdout_bytes", "stderr_bytes")
# Missing if an earlier version wrote it.
_SAID_LATELY = ("stdout_problem", "stderr_problem", "stdin_problem")

_UNSEEN = "how it ended is not known: there is neither a process nor an outcome"
_RESTARTED = "how it ended is not known: the machine was restarted while it ran"
_UNKNOWN = "the machine was restarted when it was about to start, so whether it ran is not known"
_WAS_UNREAD = "whether it ran is not known: a log folder could not be read for a while"
# Why it is lost, by trace and by whether the machine was restarted; empty: it is not.
_LOST: dict[tuple[_Trace, bool], str] = {
    (_Trace.HAD_A_PROCESS, False): _UNSEEN,
    (_Trace.HAD_A_PROCESS, True): _RESTARTED,
    # The supervisor would know it, or there would be a folder: the message did not arrive, and can be sent again.
    (_Trace.MAY_HAVE_BEEN_LAUNCHED, False): "",
    # Folders are not synced to the disk, so a missing one proves nothing.
    (_Trace.MAY_HAVE_BEEN_LAUNCHED, True): _UNKNOWN,
    (_Trace.QUEUED, False): "",
    (_Trace.QUEUED, True): "",
}


def read_ended(key: AttemptKey, fields: Message) -> Ended:
    """Return how a job ended, from a fact or from its outcome file."""
    passed_us = fields.get("ended_passed_us", 0)
    return Ended(key, fields["pid"], fields["started_at_us"], fields["ended_at_us"], outcome_of(fields), passed_us)


def outcome_of(fields: Message) -> Outcome:
    """Return only the outcome; see `read_ended`."""
    # What cannot be is not known: it must not cost the end of the job.
    used = {name: told for name in _USED if 0 < (told := fields.get(name, 0)) < _LARGEST}
    used |= {name: told for name in _MOVED if (told := fields.get(name, -1)) >= 0}
    said: dict[str, Any] = {name: told for name in _SAID if (told := fields[name])}
    said |= {name: told for name in _SAID_LATELY if (told := fields.get(name))}
    said["kind"], said["use"] = _KINDS.get(fields["kind"], OutcomeKind.LOST), made(ResourceUse, used)
    return made(Outcome, said)


def why_unwritten(outcome: Outcome) -> str:
    """Return why this machine could not keep all output of a job; empty if it could, or if its log was changed by others."""
    for problem in (outcome.stdout_problem, outcome.stderr_problem):
        if problem and not problem.startswith(_BY_SOMEBODY):
            return problem
    return ""


def could_not_start(launch: Launch, sentence: str) -> Ended:
    """Return the end of a job that never had a process, for a reason other than its program."""
    now = max(wall_us(), launch.queued_at_us)
    return Ended(launch.key, 0, now, now, Outcome(OutcomeKind.FAILED_TO_START, exit_status=OWN_FAILURE, sentence=sentence))


def cancelled(launch: Launch) -> Ended:
    """Return the end of a job that was stopped before it had a process."""
    now = max(wall_us(), launch.queued_at_us)
    return Ended(launch.key, 0, now, now, Outcome(OutcomeKind.CANCELLED, sentence="stopped before it could start"))


def why_lost(one: Expected, *, rebooted: bool, was_unread: bool = False) -> str:
    """Return why a job that left no trace is lost; empty if it is not, and can be started.

    `was_unread`: a log folder could not be read until now, so it was not started again.
    """
    trace = _Trace.HAD_A_PROCESS if one.pid else _Trace.MAY_HAVE_BEEN_LAUNCHED if one.launched else _Trace.QUEUED
    return _LOST[trace, rebooted] or (_WAS_UNREAD if was_unread else "")


def why_unread(one: Expected, why: str) -> str:
    """Return what is unknown about a job while its log folder cannot be read."""
    return f"{'how it ended' if one.pid else 'whether it ran'} cannot be read: {why}"


def lost(one: Expected, sentence: str) -> Ended:
    """Return the end of a lost job."""
    now = max(wall_us(), one.started_at_us, one.queued_at_us)
    return Ended(one.key, one.pid, one.started_at_us, now, Outcome(OutcomeKind.LOST, sentence=sentence))
