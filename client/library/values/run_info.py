"""What is known about a run of a batch, and the requests about one. Knows no socket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ....schemas.generated import request_pb2
from ....schemas.naming import format_id, short_id
from ....schemas.private_parts.frozen import frozen, replace
from ....schemas.refusal import Code, Refused
from ...protocol.exchange import Item
from ..options.arguments import LOWEST, Duration, milliseconds, whole_or_none
from ..requests.dialogue import reply_with
from ..requests.pages import Pages
from .job_info import JobInfo, job_info
from .results import BatchInfo, batch_info, moment

if TYPE_CHECKING:
    from datetime import datetime


class FailedJob(NamedTuple):
    """A failed job, and the last lines of its stderr, as many as were requested."""

    job: JobInfo
    stderr_tail: bytes


@frozen
class RunInfo:
    """A run of a batch at one moment: how many of its jobs wait, run (or are being stopped), and ended; forgotten ones not included.

    `ok` counts those that exited with 0 and whose input and output are complete. Times are in microseconds UTC: when the first job was
    queued, and when the last one ended, which is 0 while one waits or runs. `longest`: the jobs that ran longest. `failures`: failed jobs,
    oldest first.
    """

    batch: BatchInfo
    owner: bytes
    owner_name: str
    queued: int
    running: int
    ok: int
    failed: int
    queued_at_us: int
    ended_at_us: int
    longest: Sequence[JobInfo] = ()
    failures: Sequence[FailedJob] = ()
    # How long it took, or has taken so far, by the worker's clock.
    lasted_us: int = 0

    @property
    def id(self) -> str:
        """The id of the run as text."""
        return format_id(self.batch.id)

    @property
    def jobs(self) -> int:
        """How many jobs it has."""
        return self.queued + self.running + self.ok + self.failed

    @property
    def has_ended(self) -> bool:
        """Whether none of its jobs waits or runs."""
        return not self.queued and not self.running

    @property
    def queued_at(self) -> datetime | None:
        """The time when its first job was accepted."""
        return moment(self.queued_at_us)

    @property
    def ended_at(self) -> datetime | None:
        """The time when its last job ended; None while one waits or runs."""
        return moment(self.ended_at_us)


def run_info(message: request_pb2.QueryRunReply) -> RunInfo:
    """Return a run that came over the wire."""
    return replace(
        read_counts(message.run),
        longest=tuple(map(job_info, message.longest)),
        failures=tuple(FailedJob(job_info(one.job), one.stderr_tail) for one in message.failures),
    )


def read_counts(run: request_pb2.Run) -> RunInfo:
    """Return a run that came over the wire, without jobs."""
    return RunInfo(
        batch=batch_info(run.batch),
        owner=run.owner,
        owner_name=run.owner_name,
        queued=run.queued,
        running=run.running,
        ok=run.ok,
        failed=run.failed,
        queued_at_us=run.queued_at_us,
        ended_at_us=run.ended_at_us,
        lasted_us=run.lasted_us or max(0, run.ended_at_us - run.queued_at_us),
    )


def list_runs(name: str, owner: bytes | None, user: str, limit: int | None) -> Pages[RunInfo]:
    """Return a list of runs still to be read, at most this many.

    Raises `Refused(INVALID_ARGUMENT)` for a name that is not Unicode.
    """
    wanted = request_pb2.ListRuns(owner=owner or b"")
    try:
        wanted.batch_name, wanted.owner_name = name, user
    except ValueError as error:
        raise Refused(Code.INVALID_ARGUMENT, f"no batch or member can have this name: {error}") from None
    return Pages(request_pb2.Request(list_runs=wanted), lambda reply: [*map(read_counts, reply.list_runs.runs)], limit)


def query(
    name: str, *, owner: bytes = b"", longest: int = 0, failures: int = 0, tail_lines: int = 0, until_ended: bool = False
) -> request_pb2.Request:
    """Return a query for a run.

    Raises `Refused(INVALID_ARGUMENT)` for a name that is not Unicode.
    """
    wanted = request_pb2.QueryRun(owner=owner, longest=longest, failures=failures, tail_lines=tail_lines, until_ended=until_ended)
    try:
        wanted.name = name
    except ValueError as error:
        raise Refused(Code.INVALID_ARGUMENT, f"no batch can have this name: {error}") from None
    return request_pb2.Request(query_run=wanted)


def read_run(answer: Item | None) -> RunInfo:
    """Return the run in the reply to a query. Raises Refused(INTERNAL) for another reply."""
    return run_info(reply_with("query_run", answer).query_run)


def read_acknowledged(answer: Item | None) -> int:
    """Return how many jobs an accepted stop ends. Raises Refused(INTERNAL) for another reply."""
    return reply_with("acknowledged", answer).acknowledged.jobs


def tell_stuck_jobs(answer: Item, notice: Callable[[str], None] | None) -> None:
    """Call `notice` with a sentence for each job in a stop's report whose processes cannot be killed at present."""
    if notice is not None and isinstance(answer, request_pb2.Reply):
        for report in answer.reports.reports:
            if report.waits_for:
                notice(f"job {short_id(report.key.id)}: {report.waits_for}")


def selection(run: RunInfo, *, every_run: bool = False) -> request_pb2.Selection:
    """Return the selection of the jobs of a run; with `every_run` those of all runs of its batch."""
    if every_run and run.batch.name:
        return request_pb2.Selection(owner=run.owner, batch_name=run.batch.name)
    return request_pb2.Selection(owner=run.owner, batch=run.batch.id)


def stop_request(run: RunInfo, signal: int | None, grace: Duration | None, *, every_run: bool) -> request_pb2.Request:
    """Return the request that stops the jobs of a run."""
    number = whole_or_none("signal", signal) or 0
    stop = request_pb2.Stop(selection=selection(run, every_run=every_run), signal=number, grace_ms=milliseconds(grace))
    return request_pb2.Request(stop=stop)


def change_request(
    run: RunInfo,
    held: bool | None,  # noqa: FBT001 -- by name in what calls it
    priority: int | None,
    time_limit: Duration | None,
    parallel: int | None,
    *,
    every_run: bool,
) -> request_pb2.Request:
    """Return the request that changes the jobs of a run that wait, or its width."""
    selected, limit_ms = selection(run, every_run=every_run), milliseconds(time_limit)
    priority, parallel = whole_or_none("priority", priority, LOWEST), whole_or_none("parallel", parallel)
    change = request_pb2.Change(selection=selected, held=held, priority=priority, time_limit_ms=limit_ms, parallel=parallel)
    return request_pb2.Request(change=change)


def forget_request(selected: request_pb2.Selection, older_than: Duration | None, *, dry_run: bool) -> request_pb2.Request:
    """Return the request that forgets what is selected and ended at least this long ago."""
    ago_ms = milliseconds(older_than)
    ended_ago_us = None if ago_ms is None else ago_ms * 1000
    return request_pb2.Request(forget=request_pb2.Forget(selection=selected, ended_ago_us=ended_ago_us, dry_run=dry_run))
