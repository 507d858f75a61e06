"""Some jobs of a signed start are shown without the others, and nothing else can be made of them."""

from __future__ import annotations

from typing import Any

import pytest

from jobwire.client.protocol.proving import prove
from jobwire.keys.identity import from_seed
from jobwire.keys.proofs import signature
from jobwire.keys.proofs.shown import Shown, Whole
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.refusal import Code, Refused
from jobwire.schemas.requests import large

ADA = from_seed(b"a" * 32)
WORKER = b"w" * 32
NOW_US = 1_764_000_000_000_000


def job(number: int, word: bytes = b"true") -> request_pb2.NewJob:
    return request_pb2.NewJob(id=b"%016d" % number, spec=job_pb2.JobSpec(argv=[word]))


def signed(*numbers: int, **fields: Any) -> bytes:
    """Return a start as a client sends it to a daemon that knows of roots."""
    hello = request_pb2.HelloReply(nonce=b"n" * 16, features=["roots"])
    start = request_pb2.Start(jobs=map(job, numbers), watch=True, first_store=b"s" * 16, batch=job_pb2.Batch(id=b"r" * 16), **fields)
    request = request_pb2.Request(id=7, start=start)
    raw = request.SerializeToString()
    return request_pb2.Envelope(request=raw, proof=prove(ADA, WORKER, hello, request, raw, NOW_US)).SerializeToString()


def check(raw: bytes) -> list[bytes]:
    """Return the ids of the jobs of a start that is signed as it should be."""
    request, envelope, jobs, rest = large.read(raw)
    assert signature.check(envelope, WORKER, b"n" * 16, rest) == ADA.public
    assert jobs is not None
    signature.check_jobs(envelope, jobs)
    assert request.start.watch
    assert request.start.batch.id == b"r" * 16
    assert envelope.proof.not_after_us == NOW_US + 30 * 24 * 3600 * 1_000_000
    return [large.read_job(one).id for one in jobs]


def refusal(raw: bytes) -> Refused:
    with pytest.raises(Refused) as refused:
        check(raw)
    return refused.value


def test_a_start_of_several_jobs_is_signed_by_a_root_over_them() -> None:
    assert check(signed(1, 2, 3)) == [job(number).id for number in (1, 2, 3)]


def test_each_job_is_shown_alone_with_what_its_start_says_of_all() -> None:
    raw = signed(*range(2000))
    for number in (0, 1, 1000, 1999):
        part = Shown().only(raw, job(number).id)
        assert check(part) == [job(number).id]
        assert len(part) < 1000
        assert Shown().only(part, job(number).id) == part


def test_some_jobs_are_shown_in_any_order() -> None:
    assert check(Whole(signed(*range(9))).part([8, 3])) == [job(8).id, job(3).id]


@pytest.mark.parametrize(("before", "after"), [(b"true", b"evil"), (b"r" * 16, b"x" * 16), (b"s" * 16, b"x" * 16)])
def test_what_was_altered_is_refused_in_a_whole_start_and_in_a_part(before: bytes, after: bytes) -> None:
    for raw in (signed(1, 2), Shown().only(signed(1, 2), job(1).id)):
        assert before in raw
        assert refusal(raw.replace(before, after)).code is Code.UNAUTHENTICATED


def test_a_job_that_was_added_left_out_or_moved_is_refused() -> None:
    whole = request_pb2.Envelope.FromString(signed(1, 2, 3))
    for jobs in ([1, 2], [1, 2, 3, 4], [2, 1, 3]):
        request = request_pb2.Request.FromString(whole.request)
        del request.start.jobs[:]
        request.start.jobs.extend(map(job, jobs))
        altered = request_pb2.Envelope(request=request.SerializeToString(), proof=whole.proof)
        assert "not those that were signed" in refusal(altered.SerializeToString()).message


def test_a_part_cannot_show_another_job_or_more_jobs() -> None:
    part = request_pb2.Envelope.FromString(Whole(signed(1, 2, 3)).part([0, 1]))
    part.shown[0].index = 1
    assert refusal(part.SerializeToString()).code is Code.UNAUTHENTICATED
    part = request_pb2.Envelope.FromString(Whole(signed(1, 2, 3)).part([0, 1]))
    del part.shown[1]
    assert refusal(part.SerializeToString()).code is Code.UNAUTHENTICATED


def test_a_later_time_or_another_count_is_not_what_was_signed() -> None:
    for field, value in (("not_after_us", NOW_US * 2), ("jobs", 4), ("jobs", 0), ("not_after_us", -1), ("root", b"x" * 32)):
        whole = request_pb2.Envelope.FromString(signed(1, 2, 3))
        setattr(whole.proof, field, value)
        assert refusal(whole.SerializeToString()).code is Code.UNAUTHENTICATED


def test_a_root_signs_nothing_but_a_start() -> None:
    whole = request_pb2.Envelope.FromString(signed(1, 2))
    # The last verb of the bytes counts.
    whole.request += request_pb2.Request(stop=request_pb2.Stop()).SerializeToString()
    request, envelope, _, _ = large.read(whole.SerializeToString())
    assert request.HasField("stop")
    with pytest.raises(Refused) as refused:
        signature.check(envelope, WORKER, b"n" * 16)
    assert refused.value.code is Code.UNAUTHENTICATED


def test_an_older_daemon_gets_the_signature_that_it_knows() -> None:
    hello = request_pb2.HelloReply(nonce=b"n" * 16)
    request = request_pb2.Request(id=7, start=request_pb2.Start(jobs=[job(1), job(2)]))
    raw = request.SerializeToString()
    assert prove(ADA, WORKER, hello, request, raw, NOW_US) == signature.sign(ADA, WORKER, b"n" * 16, raw)


def test_orders_are_good_for_ten_minutes_at_a_broker_and_stops_for_ever() -> None:
    for kind, verb, lasts_us in (("broker", "signal", 600_000_000), ("worker", "signal", None), ("broker", "stop", None)):
        hello = request_pb2.HelloReply(nonce=b"n" * 16, features=["roots"], kind=kind)
        request = request_pb2.Request(id=7)
        getattr(request, verb).SetInParent()
        proof = prove(ADA, WORKER, hello, request, request.SerializeToString(), NOW_US)
        assert proof.not_after_us == (0 if lasts_us is None else NOW_US + lasts_us)
        envelope = request_pb2.Envelope(request=request.SerializeToString(), proof=proof)
        assert signature.check(envelope, WORKER, None) == ADA.public


def test_a_start_of_one_job_is_signed_with_its_time_and_no_tree() -> None:
    envelope = request_pb2.Envelope.FromString(signed(1))
    assert not envelope.proof.root
    assert signature.check(envelope, WORKER, None) == ADA.public
    assert Shown().only(envelope.SerializeToString(), job(1).id) == envelope.SerializeToString()
    envelope.proof.not_after_us += 1
    with pytest.raises(Refused):
        signature.check(envelope, WORKER, None)


def test_of_the_start_that_was_shown_last_other_jobs_are_shown_too() -> None:
    shown = Shown()
    for raw in (signed(1, 2, 3), signed(4, 5), signed(6)):
        for job_id in [large.read_job(piece).id for piece in Whole(raw).jobs]:
            assert shown.only(raw, job_id) == Shown().only(raw, job_id)


def test_a_large_start_is_prepared_in_steps_and_then_shown_as_any_other() -> None:
    jobs = [request_pb2.NewJob(id=b"%016d" % number, spec=job_pb2.JobSpec(argv=[b"x" * 32_000])) for number in range(100)]
    request = request_pb2.Request(id=7, start=request_pb2.Start(jobs=jobs))
    hello = request_pb2.HelloReply(nonce=b"n" * 16, features=["roots"], kind="worker")
    raw = request.SerializeToString()
    proof = prove(ADA, WORKER, hello, request, raw, NOW_US)
    assert proof.root
    whole = request_pb2.Envelope(request=raw, proof=proof).SerializeToString()
    shown = Shown()
    # Hashed and decoded, a quarter of a megabyte in each step.
    assert sum(1 for _ in shown.prepare(whole)) > 2 * len(whole) // (256 * 1024)
    assert not list(shown.prepare(whole))
    assert shown.some(whole, [jobs[7].id, jobs[99].id]) == Whole(whole).part([7, 99])
