"""jobwire: run any Linux program on another machine, safely, and be told the moment it ends.

The public names of the library are loaded when they are first used, so that commands and daemons that need none of them start fast.
"""

from __future__ import annotations

# Type checkers take this name for true; importing it from typing would cost the keeper a megabyte.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .client.asynchronous.batch_run import AsyncBatchRun, AsyncStopping
    from .client.asynchronous.client import AsyncClient
    from .client.asynchronous.events import AsyncCursorTooOld, AsyncEventStream
    from .client.asynchronous.executors.loop_executor import AsyncJobExecutor
    from .client.asynchronous.executors.thread_executor import JobExecutor, JobFuture
    from .client.asynchronous.job import AsyncJob
    from .client.asynchronous.members import AsyncMembers
    from .client.asynchronous.schedules import AsyncSchedules
    from .client.asynchronous.workers import AsyncWorkers
    from .client.asynchronous.streams.output import AsyncJobOutput, AsyncTextJobOutput
    from .client.files.fetch_result import Fetched
    from .client.library.batch_run import BatchRun, Stopping
    from .client.library.client import Client
    from .client.library.events import CursorTooOld, EventStream
    from .client.library.job import Job
    from .client.library.members import Members
    from .client.library.options.retry import Retry
    from .client.library.options.specs import job_spec
    from .client.library.requests.members import RosterMember
    from .client.library.schedules import Schedules
    from .client.library.streams.decoded_output import TextJobOutput
    from .client.library.streams.output import JobOutput
    from .client.library.streams.timed_lines import LogLine
    from .client.library.values.completed_job import CompletedJob, CompletedTextJob, JobFailed, JobTimeout
    from .client.library.values.event import Event, EventCursor
    from .client.library.values.job_info import JobAttempt, JobInfo
    from .client.library.values.results import BatchInfo, Forgotten
    from .client.library.values.run_info import FailedJob, RunInfo
    from .client.library.values.schedule_info import Firing, ScheduleInfo
    from .client.library.values.status import WorkerStatus
    from .client.library.workers import Workers
    from .schemas.jobs.spec import JobSpec
    from .schemas.jobs.states import EventKind, JobTime, Outcome, OutcomeKind, Pick, State
    from .schemas.refusal import Code, Refused

__version__ = "0.2.0.dev0"
__all__ = [
    "AsyncBatchRun",
    "AsyncClient",
    "AsyncCursorTooOld",
    "AsyncEventStream",
    "AsyncJob",
    "AsyncJobExecutor",
    "AsyncJobOutput",
    "AsyncMembers",
    "AsyncSchedules",
    "AsyncStopping",
    "AsyncTextJobOutput",
    "AsyncWorkers",
    "BatchInfo",
    "BatchRun",
    "Client",
    "Code",
    "CompletedJob",
    "CompletedTextJob",
    "CursorTooOld",
    "Event",
    "EventCursor",
    "EventKind",
    "EventStream",
    "FailedJob",
    "Fetched",
    "Firing",
    "Forgotten",
    "Job",
    "JobAttempt",
    "JobExecutor",
    "JobFailed",
    "JobFuture",
    "JobInfo",
    "JobOutput",
    "JobSpec",
    "JobTime",
    "JobTimeout",
    "LogLine",
    "Members",
    "Outcome",
    "OutcomeKind",
    "Pick",
    "Refused",
    "Retry",
    "RosterMember",
    "RunInfo",
    "ScheduleInfo",
    "Schedules",
    "State",
    "Stopping",
    "TextJobOutput",
    "WorkerStatus",
    "Workers",
    "__version__",
    "job_spec",
]

# The modules that define them.
_HOMES = {
    "client.asynchronous.batch_run": ("AsyncBatchRun", "AsyncStopping"),
    "client.asynchronous.client": ("AsyncClient",),
    "client.asynchronous.executors.loop_executor": ("AsyncJobExecutor",),
    "client.asynchronous.executors.thread_executor": ("JobExecutor", "JobFuture"),
    "client.asynchronous.events": ("AsyncCursorTooOld", "AsyncEventStream"),
    "client.asynchronous.job": ("AsyncJob",),
    "client.asynchronous.members": ("AsyncMembers",),
    "client.asynchronous.streams.output": ("AsyncJobOutput", "AsyncTextJobOutput"),
    "client.asynchronous.schedules": ("AsyncSchedules",),
    "client.asynchronous.workers": ("AsyncWorkers",),
    "client.files.fetch_result": ("Fetched",),
    "client.library.batch_run": ("BatchRun", "Stopping"),
    "client.library.client": ("Client",),
    "client.library.values.completed_job": ("CompletedJob", "CompletedTextJob", "JobFailed", "JobTimeout"),
    "client.library.events": ("CursorTooOld", "EventStream"),
    "client.library.job": ("Job",),
    "client.library.members": ("Members",),
    "client.library.options.retry": ("Retry",),
    "client.library.requests.members": ("RosterMember",),
    "client.library.schedules": ("Schedules",),
    "client.library.streams.decoded_output": ("TextJobOutput",),
    "client.library.streams.output": ("JobOutput",),
    "client.library.values.event": ("Event", "EventCursor"),
    "client.library.values.job_info": ("JobAttempt", "JobInfo"),
    "client.library.values.results": ("BatchInfo", "Forgotten"),
    "client.library.values.run_info": ("FailedJob", "RunInfo"),
    "client.library.values.schedule_info": ("Firing", "ScheduleInfo"),
    "client.library.options.specs": ("job_spec",),
    "client.library.streams.timed_lines": ("LogLine",),
    "client.library.values.status": ("WorkerStatus",),
    "client.library.workers": ("Workers",),
    "schemas.jobs.states": ("EventKind", "JobTime", "Outcome", "OutcomeKind", "Pick", "State"),
    "schemas.refusal": ("Code", "Refused"),
    "schemas.jobs.spec": ("JobSpec",),
}


def __getattr__(name: str) -> object:
    """Import a public name at its first use (PEP 562)."""
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module  # noqa: PLC0415 -- kept out of the start-up of those that need no public name

            value = globals()[name] = getattr(import_module(f".{home}", __name__), name)
            return value
    raise AttributeError(f"module 'jobwire' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, also those that were not used yet."""
    return [*globals(), *(name for name in __all__ if name not in globals())]
