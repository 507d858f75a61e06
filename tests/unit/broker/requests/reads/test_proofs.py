"""What a worker shows of who asked for a job: it holds, for jobs that came alone, together, in parts, and were stopped."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from desk_house import House
from staged_batches import RUN, ask, hash_of, job_id, new_job

from jobwire.broker.access.notary import Notary
from jobwire.broker.engine import Ended, Started
from jobwire.broker.requests.reads import proofs as reads
from jobwire.client.proofs.shared import SharedProofs
from jobwire.client.proofs.verification import Wanted, verify
from jobwire.client.protocol.proving import ROOTS, prove
from jobwire.keys.identity import from_seed
from jobwire.keys.proofs.signature import sign
from jobwire.schemas.batches.parts import named_again
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs.conditions import After, Condition
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import AttemptKey, JobKey
from jobwire.schemas.wire_codec import key_to_wire

ADA = from_seed(b"a" * 32)
WORKER = from_seed(b"w" * 32)


def signed(request: request_pb2.Request) -> bytes:
    raw = request.SerializeToString()
    return request_pb2.Envelope(request=raw, proof=sign(ADA, b"w" * 32, b"n" * 16, raw)).SerializeToString()


async def do(house: House, **verb: object) -> None:
    request = request_pb2.Request(id=1, **verb)  # type: ignore[arg-type] # reason: any verb
    await ask(house, owner=ADA.public, proof=signed(request), **verb)
    await house.durable()


async def proof_of(house: House, number: int) -> request_pb2.JobProof:
    query = request_pb2.QueryProof(key=job_pb2.JobKey(id=job_id(number)))
    return (await ask(house, owner=ADA.public, query_proof=query)).proof


async def test_the_start_of_each_job_is_shown(house: House) -> None:
    await do(house, start=request_pb2.Start(jobs=[new_job(1), new_job(2)]))
    for number in (1, 2):
        verdict = verify(await proof_of(house, number), Wanted(signer=ADA.public, audience=b"w" * 32))
        assert verdict.holds, verdict.checks
    house.engine.effects.clear()


async def test_a_job_of_a_batch_that_came_in_parts_is_shown_alone(house: House) -> None:
    jobs = [new_job(number) for number in range(10)]
    await do(house, stage=request_pb2.Stage(batch=RUN, number=0, jobs=jobs))
    await do(house, commit=request_pb2.Commit(batch=job_pb2.Batch(id=RUN, name="nightly"), parts=[hash_of(jobs)]))
    proof = await proof_of(house, 7)
    assert verify(proof, Wanted(signer=ADA.public)).holds
    assert proof.staged_job == jobs[7].SerializeToString()
    house.engine.effects.clear()


async def test_a_job_of_a_staged_batch_that_runs_another_again_is_shown_by_what_it_runs_again(house: House) -> None:
    await do(house, start=request_pb2.Start(jobs=[new_job(1, stdin=b"x")]))
    before = JobKey(ADA.public, job_id(1))
    named = named_again(job_id(2), before, ())
    waits = named_again(job_id(3), before, [After(Condition.OK, job_id(2))])
    sent = new_job(4, stdin=b"x")
    sent.rerun.CopyFrom(named.rerun)
    jobs = [named, waits, sent]
    await do(house, stage=request_pb2.Stage(batch=RUN, number=0, jobs=jobs))
    await do(house, commit=request_pb2.Commit(batch=job_pb2.Batch(id=RUN), parts=[hash_of(jobs)]))
    for number, job in ((2, named), (3, waits)):
        proof = await proof_of(house, number)
        verdict = verify(proof, Wanted(signer=ADA.public))
        assert verdict.holds, verdict.checks
        assert proof.staged_job == job.SerializeToString()
        assert verdict.asked is not None
        assert verdict.asked.rerun == named.rerun
    # Another job to run again is another job.
    proof.staged_job = named_again(job_id(3), JobKey(ADA.public, job_id(4)), ()).SerializeToString()
    assert not verify(proof, Wanted()).holds
    verdict = verify(await proof_of(house, 4), Wanted(signer=ADA.public))
    assert verdict.holds
    assert verdict.asked is not None
    assert (verdict.asked.rerun, verdict.asked.spec) == (None, sent.spec)
    house.engine.effects.clear()


async def test_who_stopped_a_job_is_shown(house: House) -> None:
    await do(house, start=request_pb2.Start(jobs=[new_job(number) for number in range(5)]))
    await do(house, stop=request_pb2.Stop(keys=[job_pb2.JobKey(id=job_id(4))]))
    verdict = verify(await proof_of(house, 4), Wanted())
    assert verdict.holds
    assert verdict.stop is not None
    assert verify(await proof_of(house, 3), Wanted()).stop is None
    house.engine.effects.clear()


async def test_how_a_job_ended_is_signed_by_the_worker_that_is_asked(house: House) -> None:
    await do(house, start=request_pb2.Start(jobs=[new_job(1)]))
    name = AttemptKey(ADA.public, job_id(1), 1)
    house.desk.hear([Started(name, 7, 100), Ended(name, 7, 100, 200, Outcome(OutcomeKind.EXITED, 3))])
    await house.durable()
    query = request_pb2.QueryProof(key=job_pb2.JobKey(id=job_id(1)))
    house.notary = Notary(WORKER, house.store.id)
    proof = (await ask(house, owner=ADA.public, query_proof=query)).proof
    verdict = verify(proof, Wanted(workers=frozenset({WORKER.public})))
    assert verdict.holds, verdict.checks
    (end,) = verdict.ends
    assert (end.end.store, end.end.outcome.exit_status) == (house.store.id, 3)
    house.engine.effects.clear()


async def proofs_of(house: House, numbers: Sequence[int], job: bytes = b"") -> tuple[request_pb2.JobProofs, SharedProofs]:
    keys = [JobKey(ADA.public, job_id(number)) for number in numbers]
    query = request_pb2.QueryProof(keys=map(key_to_wire, keys))
    answer = (await ask(house, owner=ADA.public, job=job, query_proof=query)).proofs
    return answer, SharedProofs(answer, keys, b"w" * 32)


async def test_many_jobs_share_what_was_signed(house: House) -> None:
    batch = [new_job(number) for number in range(20)]
    await do(house, stage=request_pb2.Stage(batch=RUN, number=0, jobs=batch))
    await do(house, commit=request_pb2.Commit(batch=job_pb2.Batch(id=RUN), parts=[hash_of(batch)]))
    jobs = [new_job(number) for number in range(100, 110)]
    request = request_pb2.Request(id=1, start=request_pb2.Start(jobs=jobs))
    hello = request_pb2.HelloReply(nonce=b"n" * 16, features=[ROOTS])
    raw = request.SerializeToString()
    envelope = request_pb2.Envelope(request=raw, proof=prove(ADA, b"w" * 32, hello, request, raw, 1)).SerializeToString()
    await ask(house, owner=ADA.public, proof=envelope, start=request.start)
    await house.durable()
    numbers = [*range(19, 0, -3), 105, 100, 103, 500]
    answer, shared = await proofs_of(house, numbers)
    assert (answer.looked_at, len(answer.starts), len(answer.staged_hashes)) == (len(numbers), 2, 1)
    assert len(request_pb2.Envelope.FromString(answer.starts[1]).shown) == 3
    for position, number in enumerate(numbers[:-1]):
        asked = shared.asked_of(position)
        assert asked is not None
        assert asked.spec == new_job(number).spec
    assert shared.asked_of(len(numbers) - 1) is None
    # Somebody who may not see them: a job that acts for their owner, and has started none of them.
    assert not (await proofs_of(house, numbers, job=b"j" * 16))[0].jobs
    house.engine.effects.clear()


async def test_an_answer_about_many_jobs_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await do(house, start=request_pb2.Start(jobs=[new_job(number) for number in range(10)]))
    monkeypatch.setattr(reads, "_ANSWER_BYTES", 1)
    answer, _ = await proofs_of(house, range(10))
    assert (answer.looked_at, len(answer.jobs)) == (1, 1)
    monkeypatch.setattr(reads, "_ANSWER_BYTES", 1 << 20)
    monkeypatch.setattr(reads, "_ANSWER_SECONDS", 0)
    assert (await proofs_of(house, [77, 1]))[0].looked_at == 1
    house.engine.effects.clear()
