"""The state of a worker on this machine, as `jobwire worker status` prints it: from its description, its store and its files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..broker.store.free_space import free_bytes
from ..keys import namespaces
from ..keys.holder import Whereabouts, locate
from ..schemas.refusal import Refused
from ..schemas.text.sizes import format_size
from . import running_worker

_WHERE = {
    Whereabouts.HERE: "",
    Whereabouts.ELSEWHERE: " of another container or machine",
    Whereabouts.GONE: ", which is not visible from here",
}
# What programs may rely on; the description of a worker has more, for our own use.
_TOLD = (
    *("pid", "version", "endpoint", "event_endpoint", "key", "state", "roster", "roster_problem"),
    *("slots", "running", "queued", "disk_free_bytes", "refuses"),
    *("supervisor_pid", "keeper_pid", "cgroups", "memory_problem", "surroundings", "reloads"),
)


def look(folder: Path, found: dict[str, Any]) -> Refused | None:
    """Add what a worker's description does not contain to it, and return why it takes no new jobs, or None."""
    found["disk_free_bytes"] = free_bytes(folder)
    jobs = running_worker.unfinished(folder)
    found["running"] = sum(job.pid > 0 for job in jobs)
    found["queued"] = len(jobs) - found["running"]
    found["roster_problem"] = running_worker.roster_problem(Path(found["roster"]))
    shortage = running_worker.shortage(folder, found)
    found["refuses"] = shortage.message if shortage is not None else None
    return shortage


def told(found: dict[str, Any]) -> dict[str, Any]:
    """Return the fields for programs (`--json`)."""
    return {name: found.get(name) for name in _TOLD}


def lines(found: dict[str, Any], shortage: Refused | None) -> Iterator[str]:
    """Return the lines for people."""
    has_marks = found.get("marks", True)
    signs = ["cgroup"] * found["cgroups"] + ["session"] + ["mark"] * has_marks
    lacks = ["no cgroup v2"] * (not found["cgroups"]) + ["no mark: hard limit RLIMIT_RTTIME"] * (not has_marks)
    why = f" ({'; '.join(lacks)})" if lacks else ""
    what = " and ".join(filter(None, [", ".join(signs[:-1]), signs[-1]]))
    containment = f"by {what}{why}; a job that drops all of these on purpose can escape stop"
    # Missing in the description of an earlier version.
    memory = f"reserved, not limited: {problem}" if (problem := found.get("memory_problem")) else "limited by cgroup"
    suspended = {name: running_worker.is_suspended(found, found[name]) for name in ("pid", "supervisor_pid")}
    stands_still = f"suspended, so no job starts or stops; resume it with: kill -CONT {found['supervisor_pid']}"
    keeper = f"keeper pid {pid}" if (pid := found["keeper_pid"]) else "keeper killed: another one starts when no job is running"
    lines = {
        "worker": f"running, pid {found['pid']}{_WHERE[locate(found)]}, jobwire {found['version']}",
        "suspended": f"the worker does not respond; resume it with: kill -CONT {found['pid']}" if suspended["pid"] else "",
        "new jobs": f"are refused: {shortage}" if shortage is not None else "",
        "endpoint": found["endpoint"],
        "events": found["event_endpoint"],
        "key": found["key"],
        "state": found["state"],
        "roster": roster_line(found),
        "slots": f"{found['slots']}, jobs running: {found['running']}, queued: {found['queued']}",
        "disk": f"{format_size(found['disk_free_bytes'])} free",
        "supervisor": f"pid {found['supervisor_pid']}, {stands_still if suspended['supervisor_pid'] else keeper}",
        "containment": containment,
        "memory": f"of jobs with --memory: {memory}",
    }
    for name, value in lines.items():
        if value:
            yield f"{name:<12} {value}"
    other = namespaces.differences(found.get("namespaces") or {}, namespaces.own())
    elsewhere = [f"in other namespaces than this command; what differs: {', '.join(other)}"] if other else []
    for number, sentence in enumerate([*found.get("surroundings", []), *elsewhere]):
        yield f"{'' if number else 'surroundings':<12} {sentence}"


def roster_line(found: dict[str, Any]) -> str:
    """Return a line about the roster of the worker or broker with this description, and whether the file is in force."""
    problem = found["roster_problem"]
    return f"BROKEN: {problem}; the previous roster stays in force" if problem else str(found["roster"])
