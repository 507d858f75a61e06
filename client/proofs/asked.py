"""What a signed request asks for, about one job: in the start, the commit of a staged batch, or the schedule that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ...keys.proofs import delegation, signature
from ...schemas.batches.parts import HASH_BYTES, hash_of_job, hash_of_part, hash_of_rerun
from ...schemas.batches.schedules import batch_of, id_at
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.naming import finish_job_id, format_id, scheduled_job_id, short_id
from ...schemas.requests import large
from .checks import wrong


@dataclass(frozen=True, slots=True)
class Signed:
    """A request, its signer and the daemon it was signed for: public keys.

    `acts_for`: the owner for whom the signer acted, if that is a job's key, and `said_by` the worker that states so.
    """

    signer: bytes
    audience: bytes
    acts_for: bytes
    said_by: bytes
    request: request_pb2.Request
    # Until when it is good, 0: for ever; and how many jobs a start has, of which the request may show some.
    not_after_us: int
    jobs: int

    @property
    def owner(self) -> bytes:
        """The owner of the jobs in the request, unless it names one."""
        return self.acts_for or self.signer


@dataclass(frozen=True, slots=True)
class AskedJob:
    """What was requested: a spec, or a rerun of a job, perhaps with its spec. `how`: in words. `batch`: its run."""

    how: str
    spec: job_pb2.JobSpec | None
    rerun: job_pb2.JobKey | None = None
    batch: job_pb2.Batch | None = None
    # It is what its run ends with; the schedule that has started it, empty: none has.
    is_finish: bool = False
    schedule: str = ""


def read_signed(raw: bytes) -> Signed:
    """Return a signed request, its signature checked.

    Raises Refused, or DecodeError.
    """
    envelope = request_pb2.Envelope.FromString(raw)
    said = envelope.proof
    if said.root:
        request, _, jobs, rest = large.split(envelope)
        signer = signature.check(envelope, said.audience, None, rest)
        signature.check_jobs(envelope, jobs or ())
        request.start.jobs.extend(map(large.read_job, jobs or ()))
    else:
        request = request_pb2.Request.FromString(envelope.request)
        signer = signature.check(envelope, said.audience, None)
    acts_for = said_by = b""
    if envelope.HasField("delegation"):
        delegation.check_signer(envelope.delegation, signer, said.audience)
        acts_for, said_by = envelope.delegation.owner, envelope.delegation.worker
    return Signed(signer, said.audience, acts_for, said_by, request, said.not_after_us, said.jobs or len(request.start.jobs))


def find_job(signed: Signed, proof: request_pb2.JobProof) -> AskedJob:
    """Return what the signed request asks for about the job of a proof.

    Raises Refused if it is not about that job.
    """
    match signed.request.WhichOneof("verb"):
        case "start":
            return _of_start(signed, proof.key.id)
        case "commit":
            return _of_commit(signed.request.commit, proof)
        case "add_schedule":
            return _of_schedule(signed.request.add_schedule, proof)
        case "change_schedule":
            return _of_run_now(signed.request.change_schedule, proof)
        case verb:
            raise wrong(f"the signed request is not a start, but {verb or 'without a verb'}")


def _starts(schedule: Signed, start: Signed) -> bool:
    """Return whether a job was started by this schedule, at one of its times or at once."""
    key, own = start.request.change_schedule.key, (schedule.owner, schedule.request.add_schedule.id)
    return own in ((start.owner, start.request.add_schedule.id), (key.owner or start.owner, key.id))


def _of_start(signed: Signed, job_id: bytes) -> AskedJob:
    start = signed.request.start
    batch = start.batch if start.HasField("batch") else None
    for job in start.jobs:
        if job.id == job_id:
            rerun = job.rerun if job.HasField("rerun") else None
            return AskedJob(f"one of {signed.jobs} jobs" if signed.jobs > 1 else "alone", job.spec, rerun, batch)
    if batch is not None and (finish := _finish_of(batch, job_id)) is not None:
        return finish
    raise wrong(f"the signed start asks for {signed.jobs} jobs, and job {short_id(job_id)} is none of them")


def _finish_of(batch: job_pb2.Batch, job_id: bytes) -> AskedJob | None:
    """Return the `on_finish` job of the run in a signed request, if it is this job."""
    if batch.HasField("on_finish") and finish_job_id(batch.id) == job_id:
        return AskedJob("what its run ends with", batch.on_finish, batch=batch, is_finish=True)
    return None


def _of_commit(commit: request_pb2.Commit, proof: request_pb2.JobProof) -> AskedJob:
    if (finish := _finish_of(commit.batch, proof.key.id)) is not None:
        return finish
    job = _demand_staged(commit.parts, proof)
    if job.id != proof.key.id:
        raise wrong("the job that is shown is none of those whose hashes are shown")
    rerun = job.rerun if job.HasField("rerun") and not job.HasField("spec") else None
    return AskedJob(f"one of a batch of {len(commit.parts)} parts", job.spec, rerun, commit.batch)


def _demand_staged(parts: Sequence[bytes], proof: request_pb2.JobProof) -> request_pb2.NewJob:
    """Return the job in a proof, after checking that it is part of a batch with these parts."""
    job = request_pb2.NewJob.FromString(proof.staged_job)
    own = hash_of_job(job.id, job.spec.SerializeToString()) if job.HasField("spec") else hash_of_rerun(job)
    hashes, whole = _read_part(proof.staged_hashes)
    if own not in hashes:
        raise wrong("the job that is shown is none of those whose hashes are shown")
    if whole not in parts:
        raise wrong("the hashes of jobs that are shown are those of no part that the signed request names")
    return job


# Jobs that follow each other are of one part.
@lru_cache(maxsize=2)
def _read_part(shown: bytes) -> tuple[frozenset[bytes], bytes]:
    """Return the hashes of the jobs of a part, and the hash of the part."""
    hashes = [shown[at : at + HASH_BYTES] for at in range(0, len(shown), HASH_BYTES)]
    return frozenset(hashes), hash_of_part(hashes)


def _of_run_now(change: request_pb2.ChangeSchedule, proof: request_pb2.JobProof) -> AskedJob:
    """Return what a schedule was asked to start at once. The request contains that only if it was signed for a broker."""
    started = change.run_now
    if started and proof.key.id == started:
        return AskedJob("to start the job of a schedule at once", change.spec if change.HasField("spec") else None)
    how = "to start the batch of a schedule at once"
    if started and change.HasField("batch"):
        return _of_run(change.batch, started, change.parts, how, proof)
    if started and _is_of_run(started, proof):
        return AskedJob(how, None)
    raise wrong("the signed change of a schedule does not start this job")


def _is_of_run(run: bytes, proof: request_pb2.JobProof) -> bool:
    """Return whether the job of a proof belongs to a run that a schedule started, or is its `on_finish`."""
    staged = request_pb2.NewJob.FromString(proof.staged_job)
    return proof.key.id == finish_job_id(run) or (bool(staged.id) and proof.key.id == scheduled_job_id(run, staged.id))


def _of_run(batch: job_pb2.Batch, run: bytes, parts: Sequence[bytes], how: str, proof: request_pb2.JobProof) -> AskedJob:
    """Return which job of a scheduled run with these parts it is."""
    of_run = job_pb2.Batch()
    of_run.CopyFrom(batch)
    of_run.id = run
    if (finish := _finish_of(of_run, proof.key.id)) is not None:
        return replace(finish, how=f"what its run ends with, {how}")
    if not _is_of_run(run, proof):
        raise wrong(f"the id {format_id(proof.key.id)} is not that of a job of this run of a schedule")
    return AskedJob(f"one of a batch, {how}", _demand_staged(parts, proof).spec, batch=of_run)


def _of_schedule(schedule: request_pb2.AddSchedule, proof: request_pb2.JobProof) -> AskedJob:
    how = f"by the schedule {schedule.name} ({schedule.cron})"
    if proof.due_us and schedule.HasField("batch"):
        return _of_run(batch_of(schedule), id_at(schedule.id, proof.due_us), schedule.parts, how, proof)
    if not proof.due_us or id_at(schedule.id, proof.due_us) != proof.key.id:
        raise wrong(
            f"the id {format_id(proof.key.id)} is not that of a time of the schedule {schedule.name}, or the time is no longer known"
        )
    return AskedJob(how, schedule.spec, schedule=schedule.name)


def stops(signed: Signed, key: job_pb2.JobKey, batch: job_pb2.Batch | None, start: Signed | None) -> str:
    """Return in words how a signed request stops a job that was requested by `start`.

    Raises Refused if it does not.
    """
    stop = signed.request.stop
    schedule = signed.request.add_schedule
    if start is not None and schedule.overlap == request_pb2.OVERLAP_STOP and _starts(signed, start):
        return f"because the schedule {schedule.name} starts the next one"
    if signed.request.remove_worker.declare_lost:
        return "because the worker that ran it was removed from its broker"
    if signed.request.WhichOneof("verb") != "stop":
        raise wrong(f"the signed request is not a stop, but {signed.request.WhichOneof('verb') or 'without a verb'}")
    if any((one.owner or signed.owner, one.id) == (key.owner, key.id) for one in stop.keys):
        return "by its id"
    chosen = stop.selection
    if stop.HasField("selection") and batch is not None and (chosen.owner or signed.owner) == key.owner:
        if chosen.batch and chosen.batch == batch.id:
            return "with its run"
        if chosen.batch_name and chosen.batch_name == batch.name:
            return "with all runs of its batch"
    raise wrong("the signed stop is not about this job")
