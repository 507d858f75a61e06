"""Find runs of jobs in the log folders: their logs, and the outcomes of jobs that the supervisor does not know. Knows no supervisor.

If a folder is missing and its process may be running, the folder is created again, so that the supervisor can adopt the job.
"""

# On the loop, and folders.py does not use pathlib either.
# ruff: noqa: PTH110, PTH112, PTH113, PTH208
from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from ....broker.engine import Ended, Expected, Run, StreamName
from ....schemas.jobs.spec import DEFAULT_GRACE_MS
from ....schemas.refusal import Code, Refused
from ...state.log_folders import folders, found_folders, job_files, new_folders, outcomes
from ...state.log_folders.logs import unreadable
from ...supervisor.adoption.traces import started_about
from ...supervisor.containment.processes import is_there, read_stat
from ..desk_facts import lost, read_ended, why_lost

_log = logging.getLogger(__name__)

# A folder may be renamed between finding and opening it, but only once.
_LOOKS = 3
_Read = TypeVar("_Read")


def at_log(logs: str, run: Run, stream: StreamName, do: Callable[[str], _Read]) -> _Read:
    """Call `do` with the current path of a log, and return its result. Raises Refused(NOT_FOUND) if there is no such log."""
    # A job that never had a process could not write, and perhaps has no folder either: its logs are empty.
    return in_folder(logs, run, lambda folder: do(f"{folder}/{stream}"), lambda: do(os.devnull))


def in_folder(logs: str, run: Run, do: Callable[[str], _Read], without: Callable[[], _Read]) -> _Read:
    """Call `do` with the current path of a run's folder, which is renamed when the job ends, and return its result.

    `without` is called if it never had a process, and has no folder. Raises Refused(NOT_FOUND) if the folder is gone, INTERNAL if what is
    in it cannot be read.
    """
    for _ in range(_LOOKS):
        folder = found_folders.find_run(logs, run.pid, run.started_at_us, run.ended_at_us) or _unnamed(logs, run)
        if folder is None:
            break
        try:
            return do(folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise unreadable(error, folder) from error
        except Refused as refused:
            if refused.code is not Code.NOT_FOUND:
                raise
    if not run.pid:
        return without()
    if os.path.isdir(logs) and not os.access(logs, os.R_OK | os.X_OK):
        raise Refused(Code.UNAVAILABLE, "the log folders cannot be read", f"on the worker's machine: chmod u+rwx {logs}")
    _demand_absent(logs, run)
    raise Refused(Code.NOT_FOUND, "the logs of this job no longer exist")


def _unnamed(logs: str, run: Run) -> str | None:
    """Return the folder of a run that could not be renamed when it started; None if there is none."""
    path = folders.intent_path(logs, folders.handle(run.key))
    return path if os.path.exists(f"{path}/stderr") else None


def _demand_absent(logs: str, run: Run) -> None:
    """Refuse to report logs as gone if that cannot be determined, for instance because their disk fails."""
    for path in (logs, *(folders.run_path(logs, run.pid, run.started_at_us, end) for end in (run.ended_at_us, 0))):
        try:
            os.listdir(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise unreadable(error, path) from error


def outcomes_of(logs: str, unknown: Sequence[Expected]) -> tuple[list[Ended], list[tuple[Expected, str]]]:
    """Return the outcomes of jobs that the supervisor does not know, as far as there are any; and why others cannot be read."""
    ended: list[Ended] = []
    unread: list[tuple[Expected, str]] = []
    broken: dict[str, OSError] = {}
    handles = {folders.handle(one.key): one for one in unknown}
    try:
        since_us = min((one.queued_at_us for one in unknown), default=0)
        found = found_folders.find_ended(logs, set(handles), since_us, broken.__setitem__) if unknown else {}
    except OSError as error:
        return [], [(one, _reason(error)) for one in unknown if one.pid or one.launched]
    for handle, one in handles.items():
        # It has not got its last name if that failed.
        own = folders.run_path(logs, one.pid, one.started_at_us) if one.pid else folders.intent_path(logs, handle)
        errors: list[OSError] = []
        outcome = outcomes.read_outcome(found.get(handle, own), errors.append)
        if outcome is not None:
            ended.append(read_ended(one.key, outcome._asdict()))
            continue
        # Any of those that cannot be read may be that of a job whose process is not known.
        beginning = f"{own.rpartition('/')[2]}_" if one.pid else ""
        errors += [error for name, error in broken.items() if handle not in found and name.startswith(beginning)]
        if errors and (one.pid or one.launched):
            unread.append((one, _reason(errors[0])))
    return ended, unread


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def folders_to_adopt(logs: str, unknown: Sequence[Expected], directory: bytes) -> list[str]:
    """Return the names of the folders of unknown jobs whose process may be running.

    A missing folder is created again, and a missing or damaged `job` file in it is written again. The supervisor, which knows the mark and
    the pipes of the process, checks whether it is the same one. A folder that cannot be written is left out. A sound folder is one that the
    supervisor could not read at its start.
    """
    names: list[str] = []
    for one in unknown:
        if not one.pid or not is_there(one.pid):
            continue
        folder = folders.run_path(logs, one.pid, one.started_at_us)
        if write := _writer_of_missing(folder):
            if one.spec is None:
                continue
            try:
                write(folder, one.key, one.spec, one.rerun_of, directory=directory, grace_ms=DEFAULT_GRACE_MS)
            except OSError as error:
                _log.warning("%s is missing or damaged, and cannot be restored: %s", folder, error.strerror)
                continue
        names.append(folder.rpartition("/")[2])
    return names


def _writer_of_missing(folder: str) -> Callable[..., object] | None:
    """Return a function that writes what is missing or damaged in a folder; None if nothing is, as far as it can be read."""
    if not os.path.isdir(folder):
        return new_folders.write_folder
    try:
        job_files.read_job(folder)
    except (FileNotFoundError, ValueError):
        return new_folders.replace_job
    except OSError:
        # Something else has its name; or the disk fails.
        return None if os.path.isfile(f"{folder}/job") else new_folders.replace_job
    return None


def may_be_running(one: Expected) -> bool:
    """Return whether the process of a job may be running: a process with its pid started at its start time."""
    stat = read_stat(one.pid) if one.pid else None
    return stat is not None and stat.alive and started_about(stat.start_ticks, one.started_at_us)


def left_intents(logs: str, expected: Sequence[Expected]) -> list[str]:
    """Return the handles of intents of unexpected jobs: they were cancelled, but the worker was killed before it told the supervisor.

    An intent with an outcome is the folder of an ended job that could not be renamed.
    """
    wanted = {folders.handle(one.key) for one in expected}
    try:
        there = os.listdir(logs)
    except OSError as error:
        raise Refused(
            Code.FAILED_PRECONDITION, f"the log folders cannot be read: {error.strerror}", f"check the disk of {logs}, and start it again"
        ) from error
    names = [name.removeprefix(folders.INTENT_PREFIX) for name in there if name.startswith(folders.INTENT_PREFIX)]
    found = [name for name in names if folders.is_handle(name) and name not in wanted]
    return [handle for handle in found if not os.path.exists(f"{folders.intent_path(logs, handle)}/outcome")]


def lost_of(unknown: Sequence[Expected], *, rebooted: bool) -> list[Ended]:
    """Return the ends of those unknown jobs that are lost; the others can be started."""
    return [lost(one, sentence) for one in unknown if (sentence := why_lost(one, rebooted=rebooted))]
