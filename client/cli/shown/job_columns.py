"""The columns of a list of jobs: what each shows. Knows no worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ....keys.identity import fingerprint
from ....schemas.jobs.states import JobTime, OutcomeKind, ResourceUse, State
from ....schemas.naming import format_id, short_id, signal_name
from ....schemas.text.sizes import format_size
from ...batch.octets import to_text
from ...library.values.job_info import JobInfo
from ..terminal.screen import Cell, Table, duration, local_time
from .sentences import command_line, cpu_of, memory_of

_COLOURS = {State.QUEUED: "yellow", State.RUNNING: "cyan", State.STOPPING: "magenta"}
_SHORT_ENDS = {
    OutcomeKind.FAILED_TO_START: "not started",
    OutcomeKind.TIMED_OUT: "timed out",
    OutcomeKind.CANCELLED: "cancelled",
    OutcomeKind.OVER_LIMIT: "over limit",
    OutcomeKind.LOST: "lost",
}


def state_cell(job: JobInfo) -> Cell:
    """Return the state of a job, or how it ended, in a word or two."""
    outcome = job.outcome
    if outcome is None:
        if job.paused or job.held:
            return Cell("paused" if job.paused else "held", "yellow")
        if job.awaits:
            return Cell("waiting", "yellow")
        if job.state is State.QUEUED and job.attempt > 1:
            return Cell("retrying", "yellow")
        return Cell(job.state.name.lower(), _COLOURS.get(job.state, ""))
    if outcome.kind is OutcomeKind.EXITED:
        short = f"exit {outcome.exit_status}"
    elif outcome.expired:
        short = "expired"
    else:
        short = _SHORT_ENDS.get(outcome.kind) or signal_name(outcome.signal)
    if outcome.unneeded:
        return Cell("not needed", "green")
    return Cell(short, "green" if outcome.is_ok else "red")


def _date(at_us: int) -> str:
    return local_time(at_us) if at_us else ""


def _used(job: JobInfo, of: Callable[[ResourceUse], int], written: Callable[[int], str]) -> str:
    return written(used) if job.outcome is not None and (used := of(job.outcome.use)) else ""


COLUMNS: dict[str, Callable[[JobInfo], str | Cell]] = {
    "id": lambda job: short_id(job.key.id),
    "uuid": lambda job: job.id,
    "name": lambda job: job.name,
    "state": state_cell,
    "time": lambda job: duration(job.lasted_us),
    "queued": lambda job: _date(job.queued_at_us),
    "started": lambda job: _date(job.started_at_us),
    "ended": lambda job: _date(job.ended_at_us),
    "owner": lambda job: job.owner_name or fingerprint(job.key.owner),
    "batch": lambda job: job.batch.name or short_id(job.batch.id) if job.batch else "",
    "run": lambda job: format_id(job.batch.id) if job.batch else "",
    "tries": lambda job: str(job.attempt) if job.attempt > 1 else "",
    "priority": lambda job: str(job.priority or ""),
    "cpu": lambda job: _used(job, cpu_of, duration),
    "mem": lambda job: _used(job, memory_of, format_size),
    "dir": lambda job: to_text(job.spec.directory),
    "labels": lambda job: " ".join(f"{name}={value}" for name, value in job.spec.labels),
    "process": lambda job: job.process or "",
    "worker": lambda job: job.worker,
    "waits": lambda job: job.waits_for,
    "command": lambda job: command_line(job.argv),
}
# Without a terminal as ever: programs count them.
BY_DEFAULT = ("id", "name", "state", "time", "owner", "command")
_EXPENDABLE = (
    "QUEUED",
    "STARTED",
    "ENDED",
    "OWNER",
    "TIME",
    "LABELS",
    "DIR",
    "WAITS",
    "TRIES",
    "CPU",
    "MEM",
    "PRIORITY",
    "PROCESS",
    "RUN",
    "UUID",
    "BATCH",
    "NAME",
    "STATE",
    "ID",
)


def on_a_terminal(time: JobTime) -> Sequence[str]:
    """Return the columns for people, including the date that the jobs are sorted by."""
    return ("id", "name", "state", "time", time.name.lower(), "owner", "command")


class JobTable:
    """A table of jobs with these columns. A narrow terminal omits some of them if COMMAND would not be visible otherwise."""

    def __init__(self, columns: Sequence[str], *, header: bool = False) -> None:
        self._columns = [COLUMNS[name] for name in columns]
        self._table = Table(*(name.upper() for name in columns), header=header, expendable=_EXPENDABLE if "command" in columns else ())

    def add(self, job: JobInfo) -> None:
        """Add the row of a job."""
        self._table.add(*(show(job) for show in self._columns))

    def write(self) -> None:
        """Print it, if it has rows."""
        self._table.write()
