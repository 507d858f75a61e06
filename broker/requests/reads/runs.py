"""query_run: how many jobs of a run wait, run, and ended in which way; at once, or when none of them waits or runs any more.

list_runs: the same for many runs, newest first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import merge
from itertools import islice
from typing import NamedTuple

from ....keys.members.rights import Member, Right, may
from ....schemas.frames import LARGEST_TAIL, MOST_TAIL_LINES
from ....schemas.generated import request_pb2
from ....schemas.jobs.states import State
from ....schemas.naming import JobKey, Typed, finish_job_id, parse_id, parse_typed
from ....schemas.refusal import Code, Refused
from ....schemas.wire_codec import outcome_to_wire, state_to_wire
from ...desk.desk import Desk
from ...engine import Engine, StreamName
from ...jobs.job import Job, RunKey
from ...retention.ages import Ages
from ...store.queries import Lookup
from ...store.rows.batches.runs import MOST_LONGEST, Run
from ...store.selection import Selection
from ...streams.watchers import Watchers
from ..actions.selected import no_such_run
from ..call import Call
from ..checks.delegated import demand_run
from ..streams import open_run_ends
from .jobs import Roster, describe, describe_batch, read_place, whose, write_place

# Jobs of one reply, and their bytes: specs with long argument lists make it shorter.
_MOST_FAILURES = 50
_MOST_BYTES = 1024 * 1024
# Runs of one page.
_PAGE = 100


class _Parts(NamedTuple):
    desk: Desk
    lookup: Lookup
    engine: Engine
    roster: Roster
    ages: Ages


def query_run(call: Call, desk: Desk, lookup: Lookup, watchers: Watchers, engine: Engine, roster: Roster, ages: Ages) -> None:
    """Reply with a run: its counts, and some of its jobs."""
    request = call.request.query_run
    parts = _Parts(desk, lookup, engine, roster, ages)
    run = _named(request.name, request.owner, call.member, lookup, roster)
    key = RunKey(run.owner, run.batch.id)
    demand_run(call.member, run.batch.id, lookup)

    def tell() -> None:
        # Counted anew: it may have been forgotten meanwhile.
        found = lookup.run(run.owner, run.batch.id, "")
        if found is None:
            call.refuse(no_such_run(f"batch {request.name}"))
        else:
            reply = request_pb2.QueryRunReply()
            call.in_few_slices(_describe(reply, request, found, parts), lambda: call.reply(request_pb2.Reply(query_run=reply)))

    if not request.until_ended or key not in desk.runs:
        tell()
        return
    call.demand_stream()
    open_run_ends(call, watchers, [key], 0, desk, ended=lambda _: None, is_over=lambda: key not in desk.runs, tell=lambda: call.guard(tell))


def list_runs(call: Call, desk: Desk, lookup: Lookup, roster: Roster) -> None:
    """Reply with one page of runs."""
    request = call.request.list_runs
    after = read_place(request.page)
    page = lookup.run_page(whose(request, call.member, roster.named), request.batch_name, after, min(request.limit or _PAGE, _PAGE))
    reply = request_pb2.ListRunsReply()
    for run in page.runs:
        describe_run(reply.runs.add(), run, desk, lookup, roster.member_of)
    if page.onward is not None:
        reply.next_page = write_place(page.onward)
    call.reply(request_pb2.Reply(list_runs=reply))


def describe_run(shown: request_pb2.Run, run: Run, desk: Desk, lookup: Lookup, member_of: Callable[[bytes], Member | None]) -> None:
    """Write the progress of a run into a message."""
    owner = member_of(run.owner)
    describe_batch(shown.batch, run.batch)
    finish = lookup.job(JobKey(run.owner, finish_job_id(run.batch.id))) if run.batch.is_finished else None
    if finish is not None:
        shown.batch.on_finish_state = state_to_wire(finish.state)
        if finish.state is State.FINISHED and finish.attempt.outcome is not None:
            shown.batch.on_finish_outcome.CopyFrom(outcome_to_wire(finish.attempt.outcome))
    shown.owner, shown.owner_name = run.owner, owner.name if owner else ""
    shown.queued, shown.running, shown.ok, shown.failed = run.queued, run.running, run.ok, run.failed
    shown.queued_at_us = run.queued_at_us
    shown.ended_at_us = 0 if run.queued or run.running else run.ended_at_us
    shown.lasted_us = max(0, (shown.ended_at_us or desk.now_us()) - run.queued_at_us)


def _named(text: str, whose: bytes, member: Member, lookup: Lookup, roster: Roster) -> Run:
    """Return the run that a person refers to: the member's own if there is one, or with OWNER/ another member's.

    Raises Refused.
    """
    try:
        typed = parse_typed(text)
    except ValueError as error:
        raise Refused(Code.INVALID_ARGUMENT, str(error)) from None
    name = text.rpartition("/")[2]
    try:
        wanted = parse_id(name), ""
    except ValueError:
        wanted = b"", name
    for owner in _owners(typed, whose, member, roster):
        run = lookup.run(owner, *wanted)
        if run is not None:
            return run
    raise no_such_run(f"batch {text}")


def _owners(typed: Typed, whose: bytes, member: Member, roster: Roster) -> Iterator[bytes]:
    """Iterate over the owners whose runs may be meant, in order of preference; empty: everybody's.

    `whose`: only this owner's, if not empty.
    """
    if whose:
        if may(member, Right.SEE, whose):
            yield whose
        return
    if typed.owner:
        found = member if typed.owner == member.name else roster.named(typed.owner)
        # A client that may not see the jobs of a member does not learn whether there is one of that name.
        if found is not None and may(member, Right.SEE, found.key):
            yield found.key
        return
    if may(member, Right.SEE, member.key):
        yield member.key
    if may(member, Right.SEE_OTHERS, b""):
        yield b""


def _describe(reply: request_pb2.QueryRunReply, request: request_pb2.QueryRun, run: Run, parts: _Parts) -> Iterator[None]:
    """Write a reply in steps: logs may have to be read for it."""
    desk, lookup = parts.desk, parts.lookup
    describe_run(reply.run, run, desk, lookup, parts.roster.member_of)
    if run.batch.on_finish:
        reply.run.batch.on_finish.ParseFromString(run.batch.on_finish)
    size = 0
    for job in _longest(request.longest, run, parts):
        described = describe(job, desk, parts.roster.member_of, parts.ages)
        size += described.ByteSize()
        if size > _MOST_BYTES and reply.longest:
            break
        reply.longest.append(described)
        yield
    size = 0
    failures = min(request.failures, _MOST_FAILURES)
    page = lookup.page(Selection(failed=True, owner=run.owner, runs=[run.row]), None, failures) if failures else None
    for _, failed in page.jobs if page else ():
        if failed is None or failed.is_finish:
            continue
        described = describe(failed, desk, parts.roster.member_of, parts.ages)
        size += described.ByteSize()
        if size > _MOST_BYTES and reply.failures:
            break
        reply.failures.add(job=described, stderr_tail=_tail(failed, request.tail_lines, parts.engine))
        yield


def _longest(count: int, run: Run, parts: _Parts) -> Iterator[Job]:
    """Iterate over the jobs with the longest run times, longest first."""
    if not count:
        return iter(())

    def less(job: Job) -> int:
        return -parts.desk.lasted_us(job)

    running = sorted((job for job in parts.lookup.running_of(run.row) if not job.is_finish), key=less)
    return islice(merge(parts.lookup.jobs_at(run.longest), running, key=less), min(count, MOST_LONGEST))


def _tail(job: Job, lines: int, engine: Engine) -> bytes:
    if not lines or not job.attempt.started_at_us or job.attempt.outcome is None:
        return b""
    # On a terminal, everything is standard output.
    stream: StreamName = "stdout" if job.spec.terminal is not None else "stderr"
    if not (job.attempt.outcome.stdout_bytes if stream == "stdout" else job.attempt.outcome.stderr_bytes):
        return b""
    try:
        return engine.tail_log(job.attempt.run, stream, min(lines, MOST_TAIL_LINES), LARGEST_TAIL).data
    except Refused:
        # The folder was removed by hand.
        return b""
