"""An evil broker: an end that it forges, alters, invents or hides is found by whoever verifies, and named."""

from __future__ import annotations

from typing import Any

import pytest

from jobwire.client.proofs import text
from jobwire.client.proofs.ends import read_late, twice
from jobwire.client.proofs.verification import Verdict, Wanted, verify
from jobwire.keys.identity import Identity, format_public, from_seed
from jobwire.keys.proofs import attestation
from jobwire.keys.proofs.signature import sign
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import JobKey

ADA = from_seed(b"a" * 32)
BROKER = from_seed(b"b" * 32)
LAB1 = from_seed(b"1" * 32)
LAB2 = from_seed(b"2" * 32)
KEY = job_pb2.JobKey(owner=ADA.public, id=b"j" * 16)
EXITED = job_pb2.Outcome(kind=job_pb2.OUTCOME_KIND_EXITED, exit_status=3, stdout_bytes=12)
LOST = job_pb2.Outcome(kind=job_pb2.OUTCOME_KIND_LOST)


def start() -> bytes:
    new = request_pb2.NewJob(id=KEY.id, spec=job_pb2.JobSpec(argv=[b"true"]))
    raw = request_pb2.Request(id=1, start=request_pb2.Start(jobs=[new])).SerializeToString()
    return request_pb2.Envelope(request=raw, proof=sign(ADA, BROKER.public, b"n" * 16, raw)).SerializeToString()


def end(worker: Identity = LAB1, key: job_pb2.JobKey = KEY, attempt: int = 1, **fields: Any) -> bytes:
    said = {"pid": 7, "started_at_us": 100, "ended_at_us": 200, "outcome": EXITED, **fields}
    return attestation.attest(worker, job_pb2.EndStatement(store=b"s" * 16, key=key, attempt=attempt, **said))


def told(attempt: int = 1, **fields: Any) -> job_pb2.EarlierAttempt:
    said = {"pid": 7, "started_at_us": 100, "ended_at_us": 200, "outcome": EXITED, **fields}
    return job_pb2.EarlierAttempt(attempt=attempt, **said)


def check(*ends: bytes, says: job_pb2.EarlierAttempt | None = None, **wanted: Any) -> Verdict:
    proof = request_pb2.JobProof(key=KEY, start=start(), told=[says or told()], ends=ends)
    return verify(text.read(text.write(proof)), Wanted(**wanted))


def failed(verdict: Verdict) -> list[tuple[str, str]]:
    return [(check.name, check.sentence) for check in verdict.checks if not check.holds]


def test_what_the_worker_has_signed_holds() -> None:
    verdict = check(end(), workers=frozenset({LAB1.public}))
    assert verdict.holds
    assert [one.worker for one in verdict.ends] == [LAB1.public]
    assert verdict.is_proven
    assert verdict.checks[-1].sentence == "attempt 1: the reported end matches what the worker signed: exited with 3"


def test_a_forged_signature_is_named() -> None:
    forged = job_pb2.Attestation.FromString(end(BROKER))
    forged.worker = LAB1.public
    names = [name for name, _ in failed(check(forged.SerializeToString()))]
    assert names == ["end signature", "end"]
    assert [name for name, _ in failed(check(end().replace(b"s" * 16, b"t" * 16)))] == ["end signature", "end"]


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"outcome": job_pb2.Outcome(kind=job_pb2.OUTCOME_KIND_EXITED, stdout_bytes=12)}, "exit status"),
        ({"outcome": job_pb2.Outcome(kind=job_pb2.OUTCOME_KIND_EXITED, exit_status=3, stdout_bytes=11)}, "stdout bytes"),
        ({"outcome": job_pb2.Outcome(kind=job_pb2.OUTCOME_KIND_CANCELLED, exit_status=3, stdout_bytes=12)}, "kind"),
        ({"outcome": LOST, "pid": 8}, "pid"),
        ({"ended_at_us": 300}, "ended at"),
        ({"pid": 8}, "pid"),
    ],
)
def test_an_altered_end_is_named(changed: dict[str, Any], what: str) -> None:
    assert failed(check(end(), says=told(**changed))) == [("end", f"attempt 1: the report differs from what the worker signed: {what}")]


def test_how_a_job_really_ended_that_is_told_as_lost_is_said_and_proven() -> None:
    for pid in (0, 7):
        verdict = check(end(), says=told(outcome=LOST, pid=pid, started_at_us=0, ended_at_us=900), workers=frozenset({LAB1.public}))
        assert verdict.is_proven
        said = "attempt 1: it was reported as lost, and stays lost; the worker has come back and signed how it really ended: exited with 3"
        assert verdict.checks[-1].sentence == said
    assert not check(end(BROKER), says=told(outcome=LOST)).is_proven


def test_a_late_end_is_read_only_if_it_is_signed_and_of_that_job() -> None:
    key = JobKey(KEY.owner, KEY.id)
    found = read_late(end(), key)
    assert found is not None
    assert found.outcome.exit_status == 3
    assert read_late(end(), JobKey(KEY.owner, b"k" * 16)) is None
    assert read_late(end().replace(b"s" * 16, b"t" * 16), key) is None
    assert read_late(b"\xff", key) is None


def test_an_invented_end_is_named() -> None:
    assert failed(check()) == [("end", "attempt 1: no worker has signed its reported end")]
    # Of another job, or another attempt.
    other = job_pb2.JobKey(owner=ADA.public, id=b"k" * 16)
    assert [name for name, _ in failed(check(end(key=other)))] == ["end signature", "end"]
    assert failed(check(end(attempt=2))) == [("end", "attempt 1: no worker has signed its reported end")]


def test_an_end_of_a_worker_that_nobody_knows_is_named_if_it_is_known_who_they_are() -> None:
    assert [name for name, _ in failed(check(end(BROKER), workers=frozenset({LAB1.public, LAB2.public})))] == ["end signature", "end"]


def test_an_end_that_a_key_has_signed_which_nobody_trusts_proves_nothing() -> None:
    verdict = check(end(BROKER))
    assert verdict.holds
    assert not verdict.is_proven
    open_ones = {one.name: one.sentence for one in verdict.checks if not one.proven}
    assert "which is not one of the workers that you trust" in open_ones["end signature"]
    assert format_public(BROKER.public) in open_ones["end signature"]
    assert open_ones["end"] == "attempt 1: the reported end matches what that key signed: exited with 3"
    assert check(end(), trusted=frozenset({LAB1.public})).is_proven


def test_a_context_is_trusted_unless_it_is_the_one_that_was_asked_which_may_be_a_broker() -> None:
    both = frozenset({BROKER.public, LAB1.public})
    assert check(end(LAB1), contexts=both).is_proven
    verdict = check(end(BROKER), contexts=both)
    assert verdict.holds
    assert not verdict.is_proven


def test_an_end_of_a_trusted_key_counts_beside_one_of_an_unknown_key() -> None:
    for ends in ((end(LAB1), end(BROKER)), (end(BROKER), end(LAB1))):
        verdict = check(*ends, trusted=frozenset({LAB1.public}))
        assert [one.worker for one in verdict.ends] == [LAB1.public]
        assert not verdict.is_proven


def test_what_only_the_broker_can_say_is_said_to_be_that() -> None:
    cancelled = told(pid=0, started_at_us=0, outcome=job_pb2.Outcome(kind=job_pb2.OUTCOME_KIND_CANCELLED))
    verdict = check(says=cancelled)
    assert verdict.holds
    assert not verdict.is_proven
    assert "nobody else has signed that" in verdict.checks[-1].sentence
    assert not check(says=told(outcome=job_pb2.Outcome(kind=job_pb2.OUTCOME_KIND_LOST))).holds


def test_one_start_that_ran_on_two_workers_is_proven_by_both() -> None:
    one, two = (request_pb2.JobProof(key=KEY, start=start(), told=[told()], ends=[end(worker)]) for worker in (LAB1, LAB2))
    assert twice([one]) == twice([one, one]) == []
    assert len(twice([one, two])) == 1
    assert "ran on 2 workers" in twice([one, two])[0]
    retried = request_pb2.JobProof(key=KEY, start=start(), told=[told(2)], ends=[end(LAB2, attempt=2)])
    assert twice([one, retried]) == []
