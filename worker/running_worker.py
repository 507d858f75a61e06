"""The worker running in a state folder, as commands on its machine see it: its description, its process and its store."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..broker.store import kept
from ..broker.store.free_space import Room
from ..broker.store.kept import Unfinished
from ..keys.files import inotify
from ..keys.holder import DESCRIPTION, SUSPENDED, Whereabouts, locate, process_state
from ..keys.members.roster import read
from ..schemas.naming import short_id
from ..schemas.refusal import Code, Refused
from .state import layout
from .state.lock import last_description, open_process, running
from .state.starting import await_description

STOP_SECONDS = 30
_RELOAD_SECONDS = 60
_JOBS_SHOWN = 10
# The fields that every version writes.
_SAID = {"pid", "version", "endpoint", "event_endpoint", "key", "state", "roster", "slots", "supervisor_pid", "keeper_pid", "cgroups"}


def find(folder: Path) -> dict[str, Any] | None:
    """Return the description of the running worker; None if none is running.

    Raises Refused(UNAVAILABLE) if its description does not appear in time.
    """
    found = find_daemon(folder)
    if found is not None and found.get("kind") == "broker":
        raise Refused(Code.NOT_FOUND, f"a broker is running for {folder}, and no worker", "jobwire broker status and stop are about it")
    if found is not None and not found.keys() >= _SAID:
        raise Refused(
            Code.UNAVAILABLE,
            f"the worker's description in {folder / DESCRIPTION} was overwritten",
            "the worker writes it again; try again in a moment",
        )
    return found


def find_daemon(folder: Path) -> dict[str, Any] | None:
    """Return the description of the worker or broker that is running there, once it is ready; None if none is.

    Raises Refused(UNAVAILABLE) if it is not ready in time.
    """
    try:
        return running(folder)
    except Refused as refused:
        if refused.code is not Code.UNAVAILABLE:
            raise
    return await_description(folder)


def unfinished(folder: Path) -> list[Unfinished]:
    """Return the jobs that have not ended."""
    return kept.unfinished(folder / layout.STORE)


def roster_problem(path: Path) -> str | None:
    """Return why the roster's file cannot be used, with its name; None if it can."""
    try:
        read(path)
    except Refused as refused:
        return str(refused)
    return None


def shortage(folder: Path, found: dict[str, Any]) -> Refused | None:
    """Return why the worker or broker with this description refuses new jobs; None if it does not, or is too old to say."""
    return Room(folder, found.get("keep_free_bytes", 0)).shortage()


def is_suspended(found: dict[str, Any], pid: int) -> bool:
    """Return whether a process of the worker or broker with this description is suspended, as far as that is visible from here."""
    return locate(found) is Whereabouts.HERE and process_state(pid) in SUSPENDED


def stop(folder: Path, found: dict[str, Any]) -> bool | None:
    """End the worker with this description, and return whether it exited in time; None if it had exited already. Its jobs continue.

    Raises `Refused` if it cannot be signalled.
    """
    process = open_process(folder, found)
    if process is None:
        return None
    try:
        _send(process, found, signal.SIGTERM)
        ended, _, _ = select.select([process], [], [], STOP_SECONDS)
    finally:
        os.close(process)
    return bool(ended)


def reload(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make the worker switch to the installed version; return its descriptions before and after.

    Raises `Refused`; what failed in the worker itself is in its description.
    """
    before = find(folder)
    process = None
    if before is not None and "reloads" not in before:
        raise Refused(
            Code.FAILED_PRECONDITION,
            f"worker {before['pid']} is of jobwire {before['version']}, which cannot reload",
            f"jobwire worker stop --state {folder}, and start it again; its jobs continue",
        )
    if before is not None:
        process = open_process(folder, before)
    if before is None or process is None:
        raise Refused(Code.NOT_FOUND, f"no worker is running for {folder}", "there is nothing to reload")
    try:
        # The description is replaced by rename(2).
        with inotify.Inotify() as watch:
            watch.add_watch(folder, inotify.MOVED_TO)
            _send(process, before, signal.SIGHUP)
            return before, _await_reload(folder, process, watch.fileno(), before["reloads"]["count"])
    finally:
        os.close(process)


def _send(process: int, found: dict[str, Any], number: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(process, number)
    except ProcessLookupError:
        # It has ended, which the caller sees.
        return
    except OSError as error:
        # Of another user; or a filter (seccomp) refuses the call. kill(2) from here could hit another process with a reused pid.
        reason = f"process {found['pid']} cannot be signalled (pidfd_send_signal: {error.strerror})"
        next_step = f"type, as its user: kill -{number.name.removeprefix('SIG')} {found['pid']}"
        raise Refused(Code.FAILED_PRECONDITION, reason, next_step) from None


def _await_reload(folder: Path, process: int, watch: int, count: int) -> dict[str, Any]:
    """Return the worker's description after the reload, once it is written."""
    deadline = time.monotonic() + _RELOAD_SECONDS
    while True:
        found = last_description(folder) or {}
        if found.get("reloads", {}).get("count", 0) > count:
            return found
        ready, _, _ = select.select([process, watch], [], [], max(0, deadline - time.monotonic()))
        if not ready or process in ready:
            what = "has ended" if ready else f"did not reload within {_RELOAD_SECONDS} s"
            raise Refused(Code.UNAVAILABLE, f"the worker {what}; its jobs continue", "check its log and start it again")
        os.read(watch, 65536)


def what_goes_on(jobs: Sequence[Unfinished], *, comes_by_itself: bool) -> Iterator[str]:
    """Return a sentence about the jobs that continue without their worker and those that wait for it.

    `comes_by_itself`: commands start it again.
    """
    going_on = [job for job in jobs if job.pid]
    queued = len(jobs) - len(going_on)
    if going_on:
        how_many = "1 job continues" if len(going_on) == 1 else f"{len(going_on)} jobs continue"
        yield f"jobwire: {how_many} without it:"
        for job_id, name, pid in going_on[:_JOBS_SHOWN]:
            yield f"  {short_id(job_id)}  pid {pid}  {name}"
        if len(going_on) > _JOBS_SHOWN:
            yield f"  and {len(going_on) - _JOBS_SHOWN} more"
        how = "jobwire stop JOB... (starts the worker again)" if comes_by_itself else "start the worker again, then jobwire stop JOB..."
        yield f"jobwire: to stop them: {how}"
    if queued:
        what = "1 queued job starts" if queued == 1 else f"{queued} queued jobs start"
        yield f"jobwire: {what} when the worker runs again"
