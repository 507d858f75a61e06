"""What a proof proves, and that each thing that is wrong with one has a name."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from jobwire.client.proofs import text
from jobwire.client.proofs.verification import Verdict, Wanted, verify
from jobwire.keys.identity import Identity, fingerprint, from_seed
from jobwire.keys.proofs import delegation
from jobwire.keys.proofs.delegation import delegate, derive
from jobwire.keys.proofs.signature import sign
from jobwire.schemas.batches.parts import hash_of_job, hash_of_part
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import AttemptKey, finish_job_id, scheduled_job_id
from jobwire.schemas.refusal import Refused

ADA = from_seed(b"a" * 32)
EVE = from_seed(b"e" * 32)
STORE = b"s" * 16
WORKER = from_seed(b"w" * 32)
SPEC = job_pb2.JobSpec(argv=[b"make", b"test"])
RUN = job_pb2.Batch(id=b"r" * 16, name="nightly", on_finish=job_pb2.JobSpec(argv=[b"notify"]))


def job_id(number: int) -> bytes:
    return bytes([number]) * 16


def signed(signer: Identity = ADA, audience: bytes = WORKER.public, **verb: Any) -> bytes:
    raw = request_pb2.Request(id=1, **verb).SerializeToString()
    return request_pb2.Envelope(request=raw, proof=sign(signer, audience, b"n" * 16, raw)).SerializeToString()


def start(*numbers: int, batch: Any = None, **fields: Any) -> bytes:
    jobs = [request_pb2.NewJob(id=job_id(number), spec=SPEC) for number in numbers]
    return signed(start=request_pb2.Start(jobs=jobs, batch=batch), **fields)


def proof_of(number: int, raw: bytes, **fields: Any) -> request_pb2.JobProof:
    return request_pb2.JobProof(key=job_pb2.JobKey(owner=ADA.public, id=job_id(number)), start=raw, **fields)


def check(proof: request_pb2.JobProof, **wanted: Any) -> Verdict:
    """Verify a proof as it comes out of a file."""
    return verify(text.read(text.write(proof)), Wanted(**wanted))


def failed(verdict: Verdict) -> dict[str, str]:
    assert not verdict.holds
    return {check.name: check.sentence for check in verdict.checks if not check.holds}


def test_a_proof_says_who_asked_for_what_and_of_whom() -> None:
    verdict = check(proof_of(2, start(1, 2, batch=RUN)), signer=ADA.public, audience=WORKER.public, names={ADA.public: "ada"})
    assert verdict.holds
    assert verdict.asked is not None
    assert (verdict.asked.spec, verdict.asked.batch, verdict.asked.how) == (SPEC, RUN, "one of 2 jobs")
    assert verdict.start is not None
    assert (verdict.start.signer, verdict.start.audience) == (ADA.public, WORKER.public)
    assert verdict.checks[0].sentence == f"signed by ada ({fingerprint(ADA.public)})"


def test_an_altered_request_is_named() -> None:
    assert failed(check(proof_of(1, start(1).replace(b"make", b"evil")))) == {"signature": "the signature does not match the request"}
    assert set(failed(check(proof_of(1, b"\xff\xff")))) == {"signature"}
    assert set(failed(check(proof_of(1, b"")))) == {"signature"}


def test_a_job_that_the_request_does_not_ask_for_is_named() -> None:
    assert set(failed(check(proof_of(3, start(1, 2))))) == {"job"}
    stop = signed(stop=request_pb2.Stop(keys=[job_pb2.JobKey(id=job_id(1))]))
    assert failed(check(proof_of(1, stop)))["job"] == "the signed request is not a start, but stop"


def test_another_signer_than_the_owner_or_than_the_one_that_is_expected_is_named() -> None:
    assert set(failed(check(proof_of(1, start(1, signer=EVE))))) == {"owner"}
    assert set(failed(check(proof_of(1, start(1)), signer=EVE.public))) == {"signer"}
    assert set(failed(check(proof_of(1, start(1)), audience=EVE.public))) == {"audience"}


def test_what_a_run_ends_with_was_asked_for_with_its_run() -> None:
    proof = proof_of(1, start(1, batch=RUN))
    proof.key.id = finish_job_id(RUN.id)
    verdict = check(proof)
    assert verdict.holds
    assert verdict.asked is not None
    assert verdict.asked.spec == RUN.on_finish


def test_what_a_run_in_parts_ends_with_was_asked_for_with_its_commit() -> None:
    proof = proof_of(1, signed(commit=request_pb2.Commit(batch=RUN, parts=[bytes(32)])))
    assert set(failed(check(proof))) == {"job"}
    proof.key.id = finish_job_id(RUN.id)
    verdict = check(proof)
    assert verdict.holds
    assert verdict.asked is not None
    assert verdict.asked.spec == RUN.on_finish


def test_one_job_of_a_batch_in_parts_is_shown_by_the_hashes_of_its_part() -> None:
    jobs = [request_pb2.NewJob(id=job_id(number), spec=SPEC) for number in (1, 2, 3)]
    hashes = [hash_of_job(job.id, job.spec.SerializeToString()) for job in jobs]
    commit = signed(commit=request_pb2.Commit(batch=RUN, parts=[bytes(32), hash_of_part(hashes)]))
    proof = proof_of(2, commit, staged_job=jobs[1].SerializeToString(), staged_hashes=b"".join(hashes))
    assert check(proof).holds
    proof.staged_job = proof.staged_job.replace(b"make", b"evil")
    assert set(failed(check(proof))) == {"job"}
    proof.staged_hashes = hash_of_job(job_id(2), SPEC.SerializeToString())
    proof.staged_job = jobs[1].SerializeToString()
    assert set(failed(check(proof))) == {"job"}


def test_a_job_of_a_schedule_has_the_id_of_one_of_its_times() -> None:
    schedule = request_pb2.AddSchedule(id=b"s" * 16, name="backup", cron="@daily", spec=SPEC)
    proof = proof_of(1, signed(add_schedule=schedule), due_us=1_000_000)
    assert set(failed(check(proof))) == {"job"}
    proof.key.id = uuid.uuid5(uuid.UUID(bytes=schedule.id), "1000000").bytes
    assert check(proof).holds


def test_a_job_of_a_batch_of_a_schedule_is_made_of_one_that_was_staged() -> None:
    staged = request_pb2.NewJob(id=job_id(7), spec=SPEC)
    hashed = hash_of_job(staged.id, SPEC.SerializeToString())
    schedule = request_pb2.AddSchedule(id=b"s" * 16, name="backup", cron="@daily", batch=RUN, parts=[hash_of_part([hashed])])
    run = uuid.uuid5(uuid.UUID(bytes=schedule.id), "1000000").bytes
    shown = {"due_us": 1_000_000, "staged_job": staged.SerializeToString(), "staged_hashes": hashed}
    proof = proof_of(1, signed(add_schedule=schedule), **shown)
    assert set(failed(check(proof))) == {"job"}
    proof.key.id = scheduled_job_id(run, staged.id)
    assert check(proof).holds
    proof.key.id = finish_job_id(run)
    verdict = check(proof)
    assert verdict.holds
    assert verdict.asked is not None
    assert verdict.asked.spec == RUN.on_finish
    proof.key.id = scheduled_job_id(run, staged.id)
    proof.staged_hashes = hash_of_job(staged.id, b"other")
    assert set(failed(check(proof))) == {"job"}
    # At once, by another request.
    change = request_pb2.ChangeSchedule(key=job_pb2.JobKey(id=schedule.id), run_now=b"n" * 16)
    at_once = proof_of(1, signed(change_schedule=change), **shown)
    assert set(failed(check(at_once))) == {"job"}
    for key in (scheduled_job_id(change.run_now, staged.id), finish_job_id(change.run_now), change.run_now):
        at_once.key.id = key
        assert check(at_once).holds


def test_the_key_of_a_job_acts_for_the_owner_for_whom_the_worker_has_signed() -> None:
    key = derive(WORKER, ADA.public, job_id(9), 1)
    raw = start(1, signer=key)
    assert set(failed(check(proof_of(1, raw)))) == {"owner"}
    by, name = WORKER.public, AttemptKey(ADA.public, job_id(9), 1)
    said = delegate(WORKER, name, key, by, STORE)
    assert check(proof_of(1, raw + request_pb2.Envelope(delegation=said).SerializeToString()), signer=ADA.public).holds
    claimed = delegate(WORKER, name, EVE, by, STORE)
    claimed.key = key.public
    claimed.signature = WORKER.sign(delegation._signed(claimed))
    for other in (delegate(WORKER, name, EVE, by, STORE), delegate(WORKER, name, key, EVE.public, STORE), claimed):
        assert set(failed(check(proof_of(1, raw + request_pb2.Envelope(delegation=other).SerializeToString())))) == {"signature"}


def test_of_a_broker_only_a_worker_that_is_trusted_says_for_whom_the_key_of_a_job_acted() -> None:
    key = derive(EVE, ADA.public, job_id(9), 1)
    spoken = delegate(EVE, AttemptKey(ADA.public, job_id(9), 1), key, WORKER.public, STORE)
    said = request_pb2.Envelope(delegation=spoken).SerializeToString()
    proof = proof_of(1, start(1, signer=key) + said)
    verdict = check(proof, signer=ADA.public)
    assert [check.name for check in verdict.checks if not check.proven] == ["signer", "owner"]
    assert verdict.holds
    assert not verdict.is_proven
    assert "which is not one of the workers that you trust" in next(one.sentence for one in verdict.checks if one.name == "owner")
    for trust in ({"workers": frozenset({EVE.public})}, {"trusted": frozenset({EVE.public})}, {"contexts": frozenset({EVE.public})}):
        assert check(proof, signer=ADA.public, **trust).is_proven


@pytest.mark.parametrize(
    "stop",
    [
        request_pb2.Stop(keys=[job_pb2.JobKey(id=job_id(1))]),
        request_pb2.Stop(selection=request_pb2.Selection(batch=RUN.id)),
        request_pb2.Stop(selection=request_pb2.Selection(batch_name="nightly")),
    ],
)
def test_a_stop_is_proven_by_id_or_run(stop: request_pb2.Stop) -> None:
    verdict = check(proof_of(1, start(1, batch=RUN), stop=signed(stop=stop)))
    assert verdict.holds
    assert verdict.stop is not None
    assert verdict.stop.signer == ADA.public


def test_a_stop_of_something_else_is_named() -> None:
    for stop in (request_pb2.Stop(keys=[job_pb2.JobKey(id=job_id(2))]), request_pb2.Stop(selection=request_pb2.Selection(batch=b"x" * 16))):
        assert set(failed(check(proof_of(1, start(1, batch=RUN), stop=signed(stop=stop))))) == {"stop"}


@pytest.mark.parametrize(
    "content",
    [
        *["", "{}", "[]", "null", '{"jobwire_proof": 2}', '{"jobwire_proof": 1, "job": 7}', "[" * 100_000],
        '{"jobwire_proof": 1, "due_us": 1e999}',
        '{"jobwire_proof": 1, "due_us": ' + "9" * 100_000 + "}",
    ],
)
def test_a_file_that_is_no_proof_is_refused(content: str) -> None:
    with pytest.raises(Refused) as refused:
        text.read(content)
    assert refused.value.next_step


def test_a_job_is_stopped_by_the_schedule_that_has_started_it_and_by_no_other() -> None:
    fields = {"id": b"s" * 16, "name": "night", "spec": SPEC, "cron": "@daily", "zone": "UTC"}
    due_us = 86_400_000_000
    own = uuid.uuid5(uuid.UUID(bytes=b"s" * 16), str(due_us)).bytes
    key = job_pb2.JobKey(owner=ADA.public, id=own)
    stops = signed(add_schedule=request_pb2.AddSchedule(**fields, overlap=request_pb2.OVERLAP_STOP))  # type: ignore[arg-type] # reason: fields of it
    verdict = check(request_pb2.JobProof(key=key, start=stops, stop=stops, due_us=due_us))
    assert verdict.holds, verdict
    assert "because the schedule night starts the next one" in verdict.checks[-1].sentence
    now = signed(change_schedule=request_pb2.ChangeSchedule(key=job_pb2.JobKey(id=b"s" * 16), run_now=job_id(7), spec=SPEC))
    assert check(proof_of(7, now, stop=stops)).holds
    skips = signed(add_schedule=request_pb2.AddSchedule(**fields))  # type: ignore[arg-type] # reason: as above
    for other in (skips, signed(EVE, add_schedule=request_pb2.AddSchedule(**fields, overlap=request_pb2.OVERLAP_STOP))):  # type: ignore[arg-type] # reason: as above
        assert "stop" in failed(check(request_pb2.JobProof(key=key, start=stops, stop=other, due_us=due_us)))


def test_a_job_is_stopped_because_its_worker_was_removed_from_its_broker_and_not_if_that_had_no_jobs() -> None:
    start = signed(start=request_pb2.Start(jobs=[request_pb2.NewJob(id=job_id(7), spec=SPEC)]))
    for lost in (True, False):
        stop = signed(remove_worker=request_pb2.RemoveWorker(name="lab", declare_lost=lost))
        verdict = check(proof_of(7, start, stop=stop))
        assert verdict.holds is lost
        assert ("because the worker that ran it was removed from its broker" in verdict.checks[-1].sentence) is lost
