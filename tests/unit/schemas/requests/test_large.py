"""Requests that are read before all of them is decoded: how large they may be."""

from __future__ import annotations

import pytest

from jobwire.schemas.frames import LARGEST_PART, MOST_JOBS_PER_PART
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.refusal import Code, Refused
from jobwire.schemas.requests import large


def job(number: int, size: int = 0) -> request_pb2.NewJob:
    return request_pb2.NewJob(id=b"%016d" % number, spec=job_pb2.JobSpec(argv=[b"true"], stdin=bytes(size)))


def part(*sizes: int) -> bytes:
    stage = request_pb2.Stage(batch=bytes(16), jobs=[job(number, size) for number, size in enumerate(sizes)])
    return request_pb2.Request(id=7, stage=stage).SerializeToString()


def read(*requests: bytes) -> large.Large:
    return large.read(b"".join(request_pb2.Envelope(request=raw).SerializeToString() for raw in requests))


def test_a_part_of_several_jobs_has_a_limit_of_bytes() -> None:
    assert len(read(part(LARGEST_PART // 2, LARGEST_PART // 2 - 200)).jobs or ()) == 2
    with pytest.raises(Refused, match=f"the limit of one with several jobs is {LARGEST_PART}") as caught:
        read(part(LARGEST_PART // 2, LARGEST_PART // 2))
    assert (caught.value.code, caught.value.next_step, type(caught.value)) == (Code.INVALID_ARGUMENT, "split it", Refused)


def test_one_job_alone_may_be_larger_than_several() -> None:
    assert len(read(part(LARGEST_PART)).jobs or ()) == 1


def test_a_large_part_that_comes_in_pieces_is_refused_too() -> None:
    pieces = part(LARGEST_PART - 200) + request_pb2.Request(stage=request_pb2.Stage(jobs=[job(1, 200)])).SerializeToString()
    with pytest.raises(Refused, match="several jobs"):
        read(pieces)


def test_a_large_part_behind_another_request_of_its_envelope_is_refused_too() -> None:
    with pytest.raises(Refused, match="several jobs"):
        read(part(0), part(LARGEST_PART, 0))


def test_a_part_has_a_limit_of_jobs() -> None:
    size = 131072 // MOST_JOBS_PER_PART
    assert len(read(part(*[size] * MOST_JOBS_PER_PART)).jobs or ()) == MOST_JOBS_PER_PART
    with pytest.raises(Refused, match=f"more than {MOST_JOBS_PER_PART} jobs"):
        read(part(*[size] * (MOST_JOBS_PER_PART + 1)))
