"""What a large message holds is counted before it is decoded: the same limits as afterwards, in steps of a bounded size."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from itertools import islice
from typing import Any

import pytest

from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs.spec_check import MOST_ARGUMENTS, MOST_VARIABLES
from jobwire.schemas.refusal import Code, Refused
from jobwire.schemas.requests import field_counts
from jobwire.schemas.requests.bounds import COUNTS, field_name

KIND = request_pb2.NewJob.DESCRIPTOR
_STEP = field_counts._FIELDS_A_STEP


def job(**spec: Any) -> bytes:
    return request_pb2.NewJob(id=b"i" * 16, spec=job_pb2.JobSpec(**spec)).SerializeToString()


def variables(count: int) -> Sequence[job_pb2.EnvironmentVariable]:
    return [job_pb2.EnvironmentVariable(name=b"N", value=b"v")] * count


def varint(number: int) -> bytes:
    least, rest = number & 127, number >> 7
    return bytes([least | 128]) + varint(rest) if rest else bytes([least])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def in_spec(content: bytes) -> bytes:
    return field(request_pb2.NewJob.SPEC_FIELD_NUMBER, content)


def test_what_a_job_may_have_is_counted_in_steps() -> None:
    most = job(argv=[b"x"] * MOST_ARGUMENTS, environment=variables(MOST_VARIABLES), retry=job_pb2.Retry(max=1, on_exit=[1] * 64))
    steps = sum(1 for _ in field_counts.check(most, KIND))
    assert steps == (MOST_ARGUMENTS + 3 * MOST_VARIABLES) // _STEP
    assert not list(field_counts.check(job(argv=[b"true"]), KIND))


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (job(argv=[b""] * 1_000_000), "argv in one job spec"),
        (job(environment=[job_pb2.EnvironmentVariable()] * 1_000_000), "environment in one job spec"),
        (job(labels=[job_pb2.Label()] * 1_000_000), "labels in one job spec"),
        (job(outputs=[b""] * 1_000_000), "outputs in one job spec"),
        (job(retry=job_pb2.Retry(on_exit=[1] * 2_000_000)), "on_exit in one retry"),
        (in_spec(b"\xf8\x3f\x01" * 700_000), "fields of newer versions in one job spec"),
        (in_spec(field(job_pb2.JobSpec.ENVIRONMENT_FIELD_NUMBER, b"\x0a\x00" * 1_000_000)), "name in one environment variable"),
        (in_spec(field(job_pb2.JobSpec.RETRY_FIELD_NUMBER, b"\x20\x01" * 1_000_000)), "on_exit in one retry"),
        (in_spec(b"") * 1_000_000, "spec in one new job"),
        # A number where a message is expected, which a reader takes for a field that it does not know.
        (in_spec(b"\x10\x01" * 1_000_000), "fields of newer versions in one job spec"),
    ],
    ids=["argv", "environment", "labels", "outputs", "packed", "unknown", "nested", "unpacked", "specs", "numbers"],
)
def test_a_job_with_more_is_refused_before_all_of_it_is_looked_at(raw: bytes, what: str) -> None:
    steps = field_counts.check(raw, KIND)
    with pytest.raises(Refused, match=f"more than [0-9]+ {what}") as refused:
        collections.deque(islice(steps, MOST_ARGUMENTS // _STEP + 1), maxlen=0)
    assert refused.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("raw", [in_spec(b"\x0b"), in_spec(b"\x0a\x05x"), b"\x12\xff", in_spec(b"\x0a" + b"\xff" * 11)])
def test_what_cannot_be_decoded_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused, match="cannot be decoded"):
        list(field_counts.check(raw, KIND))


def test_every_repeated_field_of_a_job_has_a_count_of_its_own() -> None:
    waiting, seen = [KIND], set()
    while waiting:
        kind = waiting.pop()
        if kind.full_name in seen:
            continue
        seen.add(kind.full_name)
        for one in kind.fields:
            is_repeated = hasattr(type(getattr(_empty(kind), one.name)), "append") or hasattr(type(getattr(_empty(kind), one.name)), "add")
            assert is_repeated == (field_name(one) in COUNTS), field_name(one)
            if one.message_type is not None:
                waiting.append(one.message_type)


def _empty(kind: Any) -> Any:
    return getattr(job_pb2 if hasattr(job_pb2, kind.name) else request_pb2, kind.name)()
