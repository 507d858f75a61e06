"""query_proof: the signed requests that started and stopped a job; or those that started many jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from ....keys.proofs.shown import Shown
from ....schemas.generated import request_pb2
from ....schemas.jobs.states import Outcome
from ....schemas.naming import AttemptKey, format_id
from ....schemas.refusal import Code, Refused
from ....schemas.wire_codec import key_to_wire, outcome_to_wire
from ...access.notary import Notary
from ...jobs.job import Attempt, Job
from ...jobs.life import Phase
from ...store.queries import Lookup
from ...store.rows import hash_rows, proofs
from ..call import Call
from ..job_keys import read_key

_Read = Callable[..., list[tuple[Any, ...]]]

# An answer about many jobs tells of as many as can be found in so long, or have so many bytes beside what they share.
_ANSWER_SECONDS = 0.01
_ANSWER_BYTES = 256 * 1024


def query_proof(call: Call, lookup: Lookup, read: _Read, notary: Notary | None, starts: Shown) -> None:
    """Reply with the proofs of a job that the member may see, or of many; `notary`: that of this worker, None at a broker."""
    if call.request.query_proof.keys:
        _query_many(call, lookup, read, starts)
    else:
        _query_one(call, lookup, read, notary, starts)


def _query_one(call: Call, lookup: Lookup, read: _Read, notary: Notary | None, starts: Shown) -> None:
    job = lookup.visible_job(read_key(call.request.query_proof.key, call.member), call.member)
    reply = request_pb2.Reply()

    def fill() -> Iterator[None]:
        yield
        kept = proofs.proof_of(read, job.key)
        if not kept.start:
            message = f"no signature of the job {format_id(job.key.id)} is kept: the store was rebuilt from the logs since it started"
            raise Refused(Code.FAILED_PRECONDITION, message)
        yield
        yield from starts.prepare(kept.start)
        _show(reply.proof, job, kept, read, notary, starts)
        yield

    call.in_slices(fill(), lambda: call.reply(reply))


def _show(shown: request_pb2.JobProof, job: Job, kept: proofs.KeptProof, read: _Read, notary: Notary | None, starts: Shown) -> None:
    """Write the proofs of a job into a message; in place, because they may have megabytes."""
    named = job.key.id if kept.name is None else kept.name.id
    shown.key.CopyFrom(key_to_wire(job.key))
    shown.start, shown.stop, shown.due_us = starts.only(kept.start, named), kept.stop, kept.due_us
    if kept.name is not None:
        shown.key.owner, shown.key.id, _ = kept.name
    if kept.hashes:
        shown.staged_hashes, shown.staged_job = kept.hashes, kept.staged
    for attempt in [*job.earlier, job.attempt]:
        if attempt.outcome is not None and (attempt is not job.attempt or attempt.phase is Phase.FINISHED):
            name = kept.name or attempt.key
            _add_end(shown, name, attempt, attempt.outcome, notary)
    for number, (stdout, stderr) in hash_rows.hashes_of(read, job.key).items():
        shown.log_hashes.add(attempt=kept.name.attempt if kept.name is not None else number, stdout=stdout, stderr=stderr)


def _query_many(call: Call, lookup: Lookup, read: _Read, starts: Shown) -> None:
    reply = request_pb2.Reply()
    reading, answer = proofs.Reading(read), _Answer(starts, reply.proofs)

    def fill() -> Iterator[None]:
        taken = 0.0
        for position, asked in enumerate(call.request.query_proof.keys):
            if position and (answer.bytes >= _ANSWER_BYTES or taken >= _ANSWER_SECONDS):
                break
            begun = time.monotonic()
            answer.proofs.looked_at += 1
            key = read_key(asked, call.member)
            kept = None
            with suppress(Refused):
                lookup.visible_job(key, call.member)
                kept = reading.of(key)
            taken += time.monotonic() - begun
            yield
            # Neither what is not kept, nor what has other names than the job has here.
            if kept is not None and kept.start and kept.name is None:
                with suppress(Refused):
                    if kept.start != answer.start:
                        answer.end_start()
                        yield
                        yield from starts.prepare(kept.start)
                        answer.start = kept.start
                    answer.add(position, key.id, kept)
            yield
        answer.end_start()
        yield

    call.in_slices(fill(), lambda: call.reply(reply))


class _Answer:
    """Proofs of many jobs, which share starts if they follow each other."""

    def __init__(self, starts: Shown, answer: request_pb2.JobProofs) -> None:
        self.proofs = answer
        self.bytes = 0
        self._shown = starts
        self.start, self._ids = b"", list[bytes]()
        self._hashes: dict[bytes, int] = {}

    def add(self, position: int, job_id: bytes, kept: proofs.KeptProof) -> None:
        """Add the proofs of a job, whose start is `start`."""
        self._ids.append(job_id)
        self.bytes += len(kept.staged) + self._shown.size(kept.start, job_id, is_first=len(self._ids) == 1)
        one = self.proofs.jobs.add(position=position, start=len(self.proofs.starts), staged_job=kept.staged, due_us=kept.due_us)
        if kept.hashes:
            one.staged_hashes = self._hashes.setdefault(kept.hashes, len(self._hashes) + 1)
            if one.staged_hashes > len(self.proofs.staged_hashes):
                self.proofs.staged_hashes.append(kept.hashes)
                self.bytes += len(kept.hashes)

    def end_start(self) -> None:
        """Add the start that the latest jobs share."""
        if self._ids:
            self.proofs.starts.append(self._shown.some(self.start, self._ids))
        self._ids = []


def _add_end(shown: request_pb2.JobProof, name: AttemptKey, attempt: Attempt, outcome: Outcome, notary: Notary | None) -> None:
    """Add how an attempt ended, and the signed statement of its worker about that."""
    times = {"started_at_us": attempt.started_at_us if attempt.pid else 0, "ended_at_us": attempt.ended_at_us}
    shown.told.add(attempt=name.attempt, pid=attempt.pid, outcome=outcome_to_wire(outcome), **times)
    if outcome.late_end:
        shown.ends.append(outcome.late_end)
    if outcome.attestation:
        shown.ends.append(outcome.attestation)
    elif notary is not None:
        shown.ends.append(notary.end(name, attempt, outcome))
