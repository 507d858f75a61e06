"""The starts that a broker keeps in memory take about what is counted for them."""

from __future__ import annotations

import tracemalloc

import pytest

from jobwire.broker.fleet.deliveries import starts
from jobwire.broker.fleet.deliveries.starts import Start, Starts
from jobwire.broker.store.rows.fleet.placements import Submitted
from jobwire.client.protocol.proving import ROOTS, prove
from jobwire.keys.identity import from_seed
from jobwire.keys.proofs.shown import Whole
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import JobKey

ADA = from_seed(b"a" * 32)


def start(number: int, jobs: int) -> bytes:
    """Return a start of small jobs, signed by a root over them."""
    new = [request_pb2.NewJob(id=b"%08d%08d" % (number, one), spec=job_pb2.JobSpec(argv=[b"true"])) for one in range(jobs)]
    request = request_pb2.Request(id=1, start=request_pb2.Start(jobs=new))
    raw = request.SerializeToString()
    proof = prove(ADA, b"w" * 32, request_pb2.HelloReply(nonce=b"n" * 16, features=[ROOTS]), request, raw, 1)
    return request_pb2.Envelope(request=raw, proof=proof).SerializeToString()


def test_what_a_start_takes_is_counted_with_its_jobs() -> None:
    raw = start(1, 2000)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        one = Start(Whole(raw), b"d" * 32, holders=4)
        for _ in one.read():
            pass
        took = tracemalloc.get_traced_memory()[0] - before + len(raw)
    finally:
        tracemalloc.stop()
    assert one.is_shown_in_parts
    assert 0.7 * took <= one.size <= 1.5 * took


def test_starts_that_were_not_used_for_the_longest_time_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []

    def envelope(_read: object, proof: int) -> bytes:
        reads.append(proof)
        return start(proof, 100)

    monkeypatch.setattr(starts.placements, "submitted_with", lambda _read, key: Submitted(key.id[0], 0))
    monkeypatch.setattr(starts.placements, "envelope", envelope)
    monkeypatch.setattr(starts, "_KEPT_BYTES", 100_000)
    kept = Starts(lambda *_: [])
    for number in (1, 2, 1, 3, 1, 2):
        assert kept.of(JobKey(ADA.public, bytes([number]) * 16)) is not None
    assert reads == [1, 2, 3, 2]
