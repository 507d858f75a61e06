"""What is run again through a broker is what its owner has signed, whatever the broker shows or says."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from jobwire.client.proofs.again import asked_of, finish_again, spec_again, started_by
from jobwire.keys.identity import Identity, from_seed
from jobwire.keys.proofs.delegation import delegate
from jobwire.keys.proofs.signature import sign
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs.run_ends import RunEnd, tell, told_in
from jobwire.schemas.naming import AttemptKey, JobKey, finish_job_id
from jobwire.schemas.refusal import Code, Refused

ADA = from_seed(b"a" * 32)
EVE = from_seed(b"e" * 32)
BROKER = from_seed(b"b" * 32)
ID = b"\1" * 16
KEY = JobKey(ADA.public, ID)
SPEC = job_pb2.JobSpec(argv=[b"make", b"test"], stdin=b"in", held=True, start_in_ms=5, not_after_ms=9)
RUN = job_pb2.Batch(id=b"r" * 16, name="nightly", on_finish=job_pb2.JobSpec(argv=[b"notify"]))


def signed(signer: Identity = ADA, audience: bytes = BROKER.public, **verb: Any) -> bytes:
    raw = request_pb2.Request(id=1, **verb).SerializeToString()
    return request_pb2.Envelope(request=raw, proof=sign(signer, audience, b"n" * 16, raw)).SerializeToString()


def start(spec: job_pb2.JobSpec = SPEC, **fields: Any) -> bytes:
    return signed(start=request_pb2.Start(jobs=[request_pb2.NewJob(id=ID, spec=spec)], batch=RUN), **fields)


def shown(raw: bytes, key: JobKey = KEY, **fields: Any) -> request_pb2.JobProof:
    return request_pb2.JobProof(key=job_pb2.JobKey(owner=key.owner, id=key.id), start=raw, **fields)


def refused(proof: request_pb2.JobProof, key: JobKey = KEY) -> str:
    with pytest.raises(Refused) as caught:
        asked_of(proof, key, BROKER.public)
    assert caught.value.code is Code.PERMISSION_DENIED
    return caught.value.message


def test_what_runs_again_is_what_was_signed_without_its_times_and_hold() -> None:
    asked = asked_of(shown(start()), KEY, BROKER.public)
    assert spec_again(asked) == job_pb2.JobSpec(argv=[b"make", b"test"], stdin=b"in")


def test_how_it_was_stopped_and_ended_does_not_matter() -> None:
    asked_of(shown(start(), stop=b"nothing", ends=[b"nothing"], told=[job_pb2.EarlierAttempt(attempt=1)]), KEY, BROKER.public)


def test_an_altered_command_is_refused() -> None:
    assert "the signature does not match" in refused(shown(start().replace(b"make", b"evil")))


def test_a_command_that_somebody_else_has_signed_or_for_another_broker_is_refused() -> None:
    assert "who has not signed this" in refused(shown(start(signer=EVE)))
    assert "not for" in refused(shown(start(audience=EVE.public)))


def test_a_command_that_the_broker_says_somebody_signed_for_its_owner_is_refused() -> None:
    said = request_pb2.Envelope.FromString(start(signer=EVE))
    said.delegation.CopyFrom(delegate(BROKER, AttemptKey(ADA.public, ID, 1), EVE, BROKER.public, ID))
    assert "only the broker says" in refused(shown(said.SerializeToString()))
    schedule = request_pb2.AddSchedule(id=ID, name="night", spec=SPEC, cron="@daily", zone="UTC")
    assert started_by(signed(add_schedule=schedule), KEY, BROKER.public).spec.name == "night"
    said = request_pb2.Envelope.FromString(signed(signer=EVE, add_schedule=schedule))
    said.delegation.CopyFrom(delegate(BROKER, AttemptKey(ADA.public, ID, 1), EVE, BROKER.public, ID))
    with pytest.raises(Refused, match="only the broker says"):
        started_by(said.SerializeToString(), KEY, BROKER.public)


def test_the_proof_of_another_job_is_refused() -> None:
    other = JobKey(ADA.public, b"\2" * 16)
    assert "is about job" in refused(shown(start()), other)
    assert "is none of them" in refused(shown(start(), other), other)


def test_a_job_that_was_only_named_is_not_enough() -> None:
    raw = signed(start=request_pb2.Start(jobs=[request_pb2.NewJob(id=ID, rerun=job_pb2.JobKey(owner=ADA.public, id=b"\2" * 16))]))
    assert "does not say what it runs" in refused(shown(raw))


def test_of_what_a_run_ends_with_only_how_the_run_ended_is_taken_from_the_broker() -> None:
    key = JobKey(ADA.public, finish_job_id(RUN.id))
    asked = asked_of(shown(start(), key), key, BROKER.public)
    end = RunEnd("failed", 3, 1, 0)
    told = (*tell((), RUN.id, RUN.name, end), (b"LD_PRELOAD", b"/tmp/evil"), (b"JOBWIRE_RUN_NAME", b"evil"))
    again = spec_again(asked, told)
    assert (list(again.argv), again.name) == ([b"notify"], "on_finish")
    assert tuple((one.name, one.value) for one in again.environment) == tell((), RUN.id, "nightly", end)
    finish = finish_again(asked)
    assert finish is not None
    assert finish.argv == (b"notify",)


@pytest.mark.parametrize("value", [b"$(evil)", b"1 ", b"01", b"-1", "٣".encode(), b"99999999999"])
def test_what_a_run_is_told_has_only_its_form(value: bytes) -> None:
    assert told_in([*tell((), RUN.id, "", RunEnd("ok", 1, 0, 0)), (b"JOBWIRE_RUN_OK", value)]) is None
    assert told_in([*tell((), RUN.id, "", RunEnd("ok", 1, 0, 0)), (b"JOBWIRE_RUN_OUTCOME", value)]) is None


def test_the_job_of_a_schedule_is_named_after_it() -> None:
    spec = job_pb2.JobSpec(argv=[b"backup"])
    schedule = request_pb2.AddSchedule(id=b"s" * 16, name="night", spec=spec, cron="@daily", zone="UTC")
    key = JobKey(ADA.public, uuid.uuid5(uuid.UUID(bytes=schedule.id), "86400000000").bytes)
    asked = asked_of(shown(signed(add_schedule=schedule), key, due_us=86_400_000_000), key, BROKER.public)
    assert spec_again(asked) == job_pb2.JobSpec(argv=[b"backup"], name="night")
    assert "is not that of a time" in refused(shown(signed(add_schedule=schedule), key, due_us=5), key)
