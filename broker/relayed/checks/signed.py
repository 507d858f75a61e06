"""A worker's checks of what clients signed for a broker: the broker can forward it or withhold it, but not change it.

Pure. A worker runs exactly what the signed start says, and does to a job exactly what the signed request says. The nonce in a proof is that
of a run of the broker, which a worker does not know: the ids of jobs ensure that nothing is done twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from ....keys.digests import sha256
from ....keys.proofs import signature
from ....keys.proofs.delegation import attempt_of, check_signer
from ....schemas.batches.parts import hash_of_part
from ....schemas.clock import date_text
from ....schemas.frames import read_envelope
from ....schemas.generated import job_pb2, request_pb2
from ....schemas.jobs import spec as specs
from ....schemas.jobs import spec_check
from ....schemas.jobs.spec import JobSpec
from ....schemas.jobs.spec_check import LONGEST_DURATION_MS
from ....schemas.jobs.states import OnFailure
from ....schemas.naming import ID_BYTES, KNOWN_AS, AttemptKey, JobKey, finish_job_id, format_id
from ....schemas.refusal import Code, Reason, Refused
from ....schemas.requests import bounds, large
from ....schemas.text.articles import with_article
from ...desk.inputs import Asked
from ...jobs.job import FIRST_ATTEMPT
from .derived import Derived, at_its_time, at_once, demand_due, finish_of, parts_in, run_in, staged

# What names any number of jobs.
_OfSome = request_pb2.Stop | request_pb2.Change | request_pb2.Pause | request_pb2.Resume
_STARTS = frozenset({"start", "commit", "add_schedule", "change_schedule"})


@dataclass(frozen=True, slots=True)
class SignedStart:
    """A start, or the request of a schedule, that `signer` signed for a broker; `raw` is the Envelope, byte for byte."""

    raw: bytes
    digest: bytes
    signer: bytes
    request: request_pb2.Request
    # The jobs of a large one, or of one that is signed by a root.
    pieces: Sequence[bytes] | None
    # No job of it starts later. 0: that is not limited.
    not_after_us: int = 0
    # Of one that the key of a job has signed: who says for whom it acted; and the attempt that this names, if it was shown that its owner
    # has signed that it gets one.
    delegation: request_pb2.Delegation | None = None
    parents: set[AttemptKey] = field(default_factory=set)
    # Of a batch in parts: the hashes of all jobs of these, as far as they were shown, by the hashes of the parts.
    parts: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return len(self.raw) + sum(map(len, self.parts.values()))

    @property
    def owner(self) -> bytes:
        """The owner of these jobs."""
        return self.delegation.owner if self.delegation is not None else self.signer

    def show_parent(self, shown: request_pb2.ParentStart, relay: bytes) -> None:
        """Take the start of the job whose key signed this one, if its owner signed that the job gets a key; only once.

        Raises Refused.
        """
        if self.delegation is None or self.parents:
            return
        start = read_start(shown.start, relay)
        start.show_parts(shown.hashes)
        start.demand_parts([shown.job])
        name, asked = start.job(shown.job)
        if start.delegation is None and asked.spec.may_submit and name == attempt_of(self.delegation):
            self.parents.add(name)

    def show_parts(self, shown: Iterable[bytes]) -> None:
        """Take the hashes of the jobs of signed parts; others are ignored."""
        signed = parts_in(self.request) or ()
        for hashes in shown:
            part = hash_of_part([hashes])
            if part in signed:
                self.parts[part] = hashes

    def demand_parts(self, jobs: Iterable[request_pb2.Delivery]) -> None:
        """Check that the hashes of the parts of these jobs are known.

        Raises Refused, with START_MISSING if they have to be sent.
        """
        if (signed := parts_in(self.request)) is None:
            return
        for one in jobs:
            if one.HasField("finish"):
                continue
            if one.index >= len(signed):
                raise Refused(Code.INVALID_ARGUMENT, f"the batch has {len(signed)} parts, and none at position {one.index}")
            if signed[one.index] not in self.parts:
                message = f"the hashes of the jobs of part {one.index} were not delivered, or are not kept"
                raise Refused(Code.FAILED_PRECONDITION, message, "deliver them with the jobs", reason=Reason.START_MISSING)

    def job(self, delivery: request_pb2.Delivery) -> tuple[AttemptKey, Asked]:
        """Return the broker's name for an attempt at one of the jobs, and what this worker runs for it.

        Raises Refused: INVALID_ARGUMENT for a job that is not in the start or not valid; PERMISSION_DENIED for an attempt that its client
        has not requested. Whether it may start now is not checked.
        """
        attempt, found = delivery.attempt, self._find(delivery)
        spec = found.spec
        most = FIRST_ATTEMPT + (spec.retry.most if spec.retry is not None else 0)
        if not FIRST_ATTEMPT <= attempt <= most:
            raise Refused(Code.PERMISSION_DENIED, f"its client has asked for at most {most} attempts, and this is attempt {attempt}")
        own = on_one_worker(spec)
        if attempt != FIRST_ATTEMPT:
            known_as = (KNOWN_AS.encode(), format_id(found.id).encode())
            own = replace(own, environment=(*own.environment, known_as))
        asked = Asked(local_id(found.id, attempt), own, specs.digest(own), specs.to_wire(own).SerializeToString())
        return AttemptKey(self.owner, found.id, attempt), asked

    def _find(self, delivery: request_pb2.Delivery) -> Derived:
        if delivery.HasField("finish"):
            return finish_of(self.run(delivery.due_us), delivery.finish)
        if parts_in(self.request) is not None:
            run = self.run(delivery.due_us).id
            return staged(self.request, run, delivery.index, self.parts, delivery.staged_job)
        match self.request.WhichOneof("verb"):
            case "add_schedule":
                return at_its_time(self.request.add_schedule, delivery.due_us)
            case "change_schedule":
                return at_once(self.request.change_schedule)
            case _:
                return self._at(delivery.index)

    def _at(self, index: int) -> Derived:
        start = self.request.start
        jobs: Sequence[bytes | request_pb2.NewJob] = start.jobs if self.pieces is None else self.pieces
        if index >= len(jobs):
            raise Refused(Code.INVALID_ARGUMENT, f"the signed start has {len(jobs)} jobs, and none at position {index}")
        found = jobs[index]
        job = large.read_job(found) if isinstance(found, bytes) else found
        bounds.check(job)
        if len(job.id) != ID_BYTES:
            raise Refused(Code.INVALID_ARGUMENT, f"an id has {ID_BYTES} bytes, not {len(job.id)}")
        if not job.HasField("spec"):
            message = "the signed start names a job to run again, but not what it runs"
            raise Refused(Code.UNIMPLEMENTED, message, "upgrade the client, or submit it as a new job")
        spec = specs.from_wire(job.spec)
        spec_check.check(spec)
        return Derived(job.id, spec)

    def demand_in_time(self, delivery: request_pb2.Delivery, now_us: int) -> None:
        """Check that an attempt at one of the jobs may be accepted now, even a retry.

        Raises Refused.
        """
        # How long a run takes, nobody knows when it is signed: no longer than its last job may.
        later_us = LONGEST_DURATION_MS * 1000 if delivery.HasField("finish") else 0
        if self.request.HasField("add_schedule"):
            demand_due(self.request.add_schedule, delivery.due_us, now_us, later_us)
        demand_in_time(self.not_after_us and self.not_after_us + later_us, now_us, "start")

    def run(self, due_us: int) -> job_pb2.Batch:
        """Return the run that it is about; for a schedule, the run of a time."""
        return run_in(self.request, due_us)

    def stops(self, job_id: bytes, due_us: int) -> bool:
        """Return whether its client wants this job stopped when another job of its run fails."""
        run = self.run(due_us)
        return int(run.on_failure) == OnFailure.STOP_REST and job_id != finish_job_id(run.id)

    def is_of(self, schedule: SignedStart) -> bool:
        """Return whether its job was started by this schedule, at a time or at once."""
        if self.request.WhichOneof("verb") != "change_schedule":
            return self.raw == schedule.raw
        key = self.request.change_schedule.key
        return (key.owner or self.owner, key.id) == (schedule.owner, schedule.request.add_schedule.id)


def read_start(raw: bytes, relay: bytes) -> SignedStart:
    """Return a start, or another request that starts jobs, that was signed for the broker with the key `relay`.

    Raises Refused: UNAUTHENTICATED if it was not signed for it, INVALID_ARGUMENT for another request.
    """
    request, envelope, pieces, rest = large.read_kept(raw)
    signer = signature.check(envelope, relay, None, rest)
    if request.WhichOneof("verb") not in _STARTS:
        raise Refused(Code.INVALID_ARGUMENT, "what was delivered is not a start")
    if envelope.proof.root:
        signature.check_jobs(envelope, pieces or ())
    said = _acting(envelope, signer)
    if said is not None and not request.HasField("start"):
        raise Refused(Code.PERMISSION_DENIED, "the key of a job starts jobs, and nothing else")
    return SignedStart(raw, sha256(raw), signer, request, pieces, envelope.proof.not_after_us, said)


def _acting(envelope: request_pb2.Envelope, signer: bytes) -> request_pb2.Delegation | None:
    """Return the statement for whom the signer of a request acted, if it is the key of a job; whether that counts is not checked."""
    if not envelope.HasField("delegation"):
        return None
    check_signer(envelope.delegation, signer, envelope.proof.audience)
    return envelope.delegation


def demand_in_time(until_us: int, now_us: int, what: str) -> None:
    """Check that a request has not expired (0: it never does).

    Raises Refused(FAILED_PRECONDITION).
    """
    if until_us and now_us > until_us:
        until = date_text(until_us)
        message = f"the {what} was signed until {until}, and came after that"
        raise Refused(Code.FAILED_PRECONDITION, message, "compare the clocks of client and worker, and ask again", reason=Reason.EXPIRED)


def on_one_worker(spec: JobSpec) -> JobSpec:
    """Return a spec without what the broker takes care of: where, when and after what it starts, and whether it is retried."""
    return replace(spec, after=(), retry=None, held=False, start_at_us=None, start_in_ms=None, only_one="", on=(), not_on=())


def local_id(job_id: bytes, attempt: int) -> bytes:
    """Return the id of an attempt at the worker: for the first attempt the id of the job, for others a derived one (UUID version 5)."""
    return job_id if attempt == FIRST_ATTEMPT else uuid.uuid5(uuid.UUID(bytes=job_id), f"attempt {attempt}").bytes


def read_order(
    raw: bytes,
    relay: bytes,
    job: JobKey,
    batch: job_pb2.Batch,
    verbs: Collection[str],
    demand_known: Callable[[request_pb2.Delegation], None],
) -> tuple[bytes, request_pb2.Request, int]:
    """Return the signer of a request that was signed for the broker `relay` about this job, the request, and its expiry.

    `batch`: the run of the job. `verbs`: the accepted verbs. `demand_known`: raises Refused if a statement about the key of a job does not
    count; if it does, the owner requested what that key signed.

    Raises Refused: UNAUTHENTICATED, or PERMISSION_DENIED if it is about other jobs or another action.
    """
    request, envelope = read_envelope(raw)
    signer = signature.check(envelope, relay, None)
    if (said := _acting(envelope, signer)) is not None:
        demand_known(said)
        signer = said.owner
    bounds.check(request, kept=True)
    verb = request.WhichOneof("verb") or ""
    if verb not in verbs or (verb == "change" and not request.change.HasField("time_limit_ms")):
        raise Refused(Code.PERMISSION_DENIED, f"a broker does not pass on {with_article(verb or 'request without a verb')}")
    asked: _OfSome | request_pb2.Signal | request_pb2.Feed | request_pb2.Place = getattr(request, verb)
    keys = asked.keys if isinstance(asked, _OfSome) else [asked.key]
    named = any((key.owner or signer, key.id) == job for key in keys)
    selection = None if isinstance(asked, (request_pb2.Feed, request_pb2.Place)) or not asked.HasField("selection") else asked.selection
    if not named and not (selection is not None and _selects(selection, signer, job, batch)):
        raise Refused(Code.PERMISSION_DENIED, "the signed request is not about this job")
    return signer, request, envelope.proof.not_after_us


def _selects(selection: request_pb2.Selection, signer: bytes, job: JobKey, batch: job_pb2.Batch) -> bool:
    if (selection.owner or signer) != job.owner:
        return False
    match selection.WhichOneof("which"):
        case "batch":
            return bool(batch.id) and selection.batch == batch.id
        case "batch_name":
            return bool(batch.name) and selection.batch_name == batch.name
        case _:
            return False
