"""Jobs derived from what a client signed: the `on_finish` of a run, jobs of schedules, and jobs whose hash is signed.

Pure. The broker says when they start, within what is checked here: it can delay them, like everything that it forwards. It cannot make a
worker run anything else, nor run one of them twice, because their ids are derived from what is signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ....schemas.batches.parts import HASH_BYTES, hash_of_job
from ....schemas.batches.schedules import batch_of, id_at
from ....schemas.clock import date_text
from ....schemas.generated import job_pb2, request_pb2
from ....schemas.jobs import run_ends, spec_check
from ....schemas.jobs import spec as specs
from ....schemas.jobs.spec import JobSpec
from ....schemas.naming import ID_BYTES, finish_job_id, scheduled_job_id
from ....schemas.refusal import Code, Reason, Refused
from ....schemas.requests import bounds, large
from ....schemas.text.durations import format_duration
from ...requests.checks.run_options import read_finish
from ...schedules.cron import read_times
from ...schedules.due import MOST_EARLY_US, Overlap

# As long as a start is good.
MOST_LATE_US = 30 * 24 * 3600 * 1_000_000


class Derived(NamedTuple):
    """A job that was signed as part of something else: its id, and its spec."""

    id: bytes
    spec: JobSpec


def finish_of(batch: job_pb2.Batch, said: request_pb2.RunEnd) -> Derived:
    """Return the `on_finish` job of a start; `said`: how the run ended, according to the broker.

    Raises Refused.
    """
    if len(batch.id) != ID_BYTES or not batch.HasField("on_finish"):
        raise Refused(Code.PERMISSION_DENIED, "the signed start has no on_finish job")
    end = run_ends.RunEnd(said.outcome, said.ok, said.failed, said.cancelled)
    if end.word not in run_ends.WORDS:
        raise Refused(Code.INVALID_ARGUMENT, f"{said.outcome!r} is not a way in which a run can end")
    return Derived(finish_job_id(batch.id), run_ends.finish_spec(read_finish(batch.on_finish), batch.id, batch.name, end))


def at_its_time(schedule: request_pb2.AddSchedule, due_us: int) -> Derived:
    """Return the job of a schedule for a time; whether that is one of its times, and now, is checked by `demand_due`.

    Raises Refused.
    """
    spec = _spec_of(schedule.spec, schedule.id, schedule.name)
    return Derived(id_at(schedule.id, due_us), spec)


def demand_due(schedule: request_pb2.AddSchedule, due_us: int, now_us: int, later_us: int) -> None:
    """Check that a schedule has this time, and that its job may start now. `later_us`: how many microseconds late it may start.

    Raises Refused: PERMISSION_DENIED for a time that was not signed, FAILED_PRECONDITION for one that does not exist here, or is not now.
    """
    name, when = schedule.name, _in_words(due_us)
    if not schedule.from_us or due_us <= schedule.from_us:
        message = f"the schedule {name} was signed for times after {_in_words(schedule.from_us)}, not for {when}"
        raise Refused(Code.PERMISSION_DENIED, message)
    if due_us > now_us + MOST_EARLY_US:
        message = f"the job of the schedule {name} for {when} came before that"
        raise Refused(Code.FAILED_PRECONDITION, message, "compare the clocks of broker and worker")
    if due_us < now_us - MOST_LATE_US - later_us:
        limit = format_duration((MOST_LATE_US + later_us) // 1_000_000)
        message = f"the job of the schedule {name} for {when} came more than {limit} later"
        raise Refused(Code.FAILED_PRECONDITION, message, "start it now, if it is still wanted", reason=Reason.EXPIRED)
    try:
        times = read_times(schedule.cron, schedule.zone)
    except Refused as refused:
        message = f"this worker does not understand the times of the schedule {name}: {refused.message}"
        raise Refused(Code.FAILED_PRECONDITION, message, refused.next_step) from None
    if times.next(due_us - 1) != due_us:
        message = f"{when} is no time of the schedule {name} ({schedule.cron} in {schedule.zone}) here"
        raise Refused(Code.FAILED_PRECONDITION, message, "install the same time zone data on broker and worker")


def at_once(change: request_pb2.ChangeSchedule) -> Derived:
    """Return the job of a schedule that is started outside of its times.

    Raises Refused.
    """
    _demand_at_once(change)
    return Derived(change.run_now, _spec_of(change.spec, change.run_now, change.spec.name))


def _demand_at_once(change: request_pb2.ChangeSchedule) -> None:
    if change.WhichOneof("what") != "run_now" or not (change.HasField("spec") or change.HasField("batch")):
        raise Refused(Code.PERMISSION_DENIED, "the signed change of a schedule does not start a job, or does not say what it runs")


def parts_in(request: request_pb2.Request) -> Sequence[bytes] | None:
    """Return the hashes of the parts of the batch that a request starts in parts; None for any other request."""
    match request.WhichOneof("verb"):
        case "commit":
            return request.commit.parts
        case "add_schedule" if request.add_schedule.HasField("batch"):
            return request.add_schedule.parts
        case "change_schedule" if request.change_schedule.HasField("batch"):
            return request.change_schedule.parts
        case _:
            return None


def run_in(request: request_pb2.Request, due_us: int) -> job_pb2.Batch:
    """Return the run that a request starts; for a schedule with a batch, the run of a time, or the one started at once. Empty if none.

    Raises Refused.
    """
    if request.HasField("commit"):
        return request.commit.batch
    batch = job_pb2.Batch()
    schedule, change = request.add_schedule, request.change_schedule
    if schedule.HasField("batch"):
        _demand_id(schedule.id)
        batch = batch_of(schedule)
        batch.id = id_at(schedule.id, due_us)
    elif change.HasField("batch"):
        _demand_at_once(change)
        _demand_id(change.run_now)
        batch.CopyFrom(change.batch)
        batch.id = change.run_now
    else:
        batch.CopyFrom(request.start.batch)
    return batch


def staged(request: request_pb2.Request, run: bytes, part: int, shown: Mapping[bytes, bytes], raw: bytes) -> Derived:
    """Return a job of a batch in parts. `run`: its run; `shown`: the hashes of the jobs of each part, checked, by the hash of the part.

    The jobs of a run that a schedule starts have ids derived from those of the run and of the staged jobs.

    Raises Refused: PERMISSION_DENIED if it is not one of the signed jobs.
    """
    hashes = shown[(parts_in(request) or ())[part]]
    job = large.read_job(raw)
    bounds.check(job)
    own = hash_of_job(job.id, job.spec.SerializeToString())
    if not any(hashes[at : at + HASH_BYTES] == own for at in range(0, len(hashes), HASH_BYTES)):
        raise Refused(Code.PERMISSION_DENIED, f"the job is none of those of part {part} that were signed with the batch")
    own_id = job.id if request.HasField("commit") else scheduled_job_id(run, job.id)
    return Derived(own_id, _spec_of(job.spec, job.id, job.spec.name))


def stops_earlier(schedule: request_pb2.AddSchedule) -> bool:
    """Return whether a schedule stops its running jobs when it starts the next one."""
    return int(schedule.overlap) == Overlap.STOP


def _demand_id(job_or_schedule: bytes) -> None:
    if len(job_or_schedule) != ID_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, f"an id has {ID_BYTES} bytes, not {len(job_or_schedule)}")


def _spec_of(said: job_pb2.JobSpec, job_or_schedule: bytes, name: str) -> JobSpec:
    _demand_id(job_or_schedule)
    spec = specs.from_wire(said)
    spec = replace(spec, name=spec.name or name)
    spec_check.check(spec)
    return spec


def _in_words(at_us: int) -> str:
    return date_text(min(max(at_us, 0), spec_check.LATEST_START_US))
