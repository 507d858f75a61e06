"""Specs that are the same are decoded once; what is remembered stays small."""

from __future__ import annotations

from jobwire.schemas.generated import job_pb2
from jobwire.schemas.jobs.same_specs import SameSpecs


def raw(*argv: bytes) -> bytes:
    return job_pb2.JobSpec(argv=argv).SerializeToString()


def test_the_same_bytes_are_one_object_and_others_are_not() -> None:
    specs = SameSpecs()
    first = specs.read(raw(b"true"))
    assert specs.read(raw(b"true")) is first
    assert specs.read(raw(b"false")).argv == (b"false",)


def test_many_different_ones_and_large_ones_are_read_and_not_kept() -> None:
    specs = SameSpecs()
    first = specs.read(raw(b"true"))
    for number in range(100):
        assert specs.read(raw(b"%d" % number)).argv == (b"%d" % number,)
    large = raw(b"x" * 5000)
    assert specs.read(large) is not specs.read(large)
    assert specs.read(raw(b"true")) is not first
    assert len(specs._kept) <= 64
