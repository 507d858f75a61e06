"""The table of bounds against the schema, and what is over a bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from jobwire.schemas.frames import (
    LARGEST_OTHER_MESSAGE,
    MOST_JOBS_PER_FILTER,
    MOST_JOBS_PER_KEPT_START,
    MOST_JOBS_PER_START,
    MOST_KEYS,
    MOST_KEYS_OF_A_KEPT_REQUEST,
    limits,
)
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2
from jobwire.schemas.jobs.spec_check import MOST_ARGUMENTS, MOST_LABELS, MOST_VARIABLES
from jobwire.schemas.refusal import Code, Refused
from jobwire.schemas.requests import bounds, large

KEY = job_pb2.JobKey(id=b"1" * 16)


def fields_of(message: Descriptor, seen: set[str]) -> Iterator[FieldDescriptor]:
    """All fields of a message and of those in it."""
    if message.full_name not in seen:
        seen.add(message.full_name)
        for field in message.fields:
            yield field
            if field.message_type is not None:
                yield from fields_of(field.message_type, seen)


SEEN: set[str] = set()
FIELDS = [*fields_of(request_pb2.Envelope.DESCRIPTOR, SEEN), *fields_of(request_pb2.Request.DESCRIPTOR, SEEN)]


def name_of(field: FieldDescriptor) -> str:
    return f"{field.containing_type.name}.{field.name}"


def test_every_repeated_field_that_a_client_can_send_has_a_bound_of_its_count() -> None:
    assert {name_of(field) for field in FIELDS if field.is_repeated} == set(bounds.COUNTS)


def test_every_text_that_a_client_can_send_has_a_bound_of_its_length() -> None:
    texts = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
    assert {name_of(field) for field in FIELDS if field.type in texts} == set(bounds.LENGTHS)


def test_no_message_within_a_message_has_no_end() -> None:
    """Else the check would not end where the sender does not."""

    def depth(message: Descriptor, above: tuple[str, ...]) -> int:
        assert message.full_name not in above
        inner = [field.message_type for field in message.fields if field.message_type is not None]
        return 1 + max((depth(one, (*above, message.full_name)) for one in inner), default=0)

    assert depth(request_pb2.Request.DESCRIPTOR, ()) < 10


TOO_MUCH = [
    request_pb2.Request(stop=request_pb2.Stop(keys=[KEY] * (MOST_KEYS + 1))),
    request_pb2.Request(pause=request_pb2.Pause(keys=[KEY] * (MOST_KEYS + 1))),
    request_pb2.Request(forget=request_pb2.Forget(keys=[KEY] * (MOST_KEYS + 1))),
    request_pb2.Request(replay=request_pb2.Replay(filter=event_pb2.Filter(jobs=[KEY] * (MOST_JOBS_PER_FILTER + 1)))),
    request_pb2.Request(subscribe=request_pb2.Subscribe(filter=event_pb2.Filter(labels=[job_pb2.Label(name="a")] * (MOST_LABELS + 1)))),
    request_pb2.Request(query_one=request_pb2.QueryOne(name="x" * 257)),
    request_pb2.Request(list=request_pb2.List(batch_name="x" * 257)),
    request_pb2.Request(list=request_pb2.List(page=b"x" * 257)),
    request_pb2.Request(hello=request_pb2.Hello(software="x" * 257)),
    request_pb2.Request(unsubscribe=request_pb2.Unsubscribe(topic=b"x" * 65)),
    request_pb2.Request(replay=request_pb2.Replay(after=event_pb2.Cursor(store=b"x" * 65))),
    request_pb2.Request(start=request_pb2.Start(batch=job_pb2.Batch(name="x" * 257))),
    request_pb2.Request(start=request_pb2.Start(within=b"x" * 65)),
    request_pb2.Request(signal=request_pb2.Signal(key=job_pb2.JobKey(owner=b"x" * 65))),
]


# With the other parts within the bounds, of which few bytes can hold too much.
ONE_PART_TOO_MUCH = [
    request_pb2.Request(stop=request_pb2.Stop(keys=[KEY, job_pb2.JobKey(id=b"x" * 65), KEY])),
    request_pb2.Request(list=request_pb2.List(labels=[job_pb2.Label(name="a"), job_pb2.Label(value="x" * 10_000)])),
    request_pb2.Request(set_slots=request_pb2.SetSlots(resources=[job_pb2.Resource(name="x" * 257)])),
]


@pytest.mark.parametrize("request_", TOO_MUCH + ONE_PART_TOO_MUCH, ids=lambda one: one.WhichOneof("verb"))
def test_more_or_longer_than_the_bound_is_refused_with_both_numbers(request_: request_pb2.Request) -> None:
    with pytest.raises(Refused, match=r"\d+ .*(the limit is|not) \d+") as refused:
        bounds.check(request_)
    assert refused.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("name", sorted(bounds.SIZES))
def test_bytes_of_another_size_are_refused_and_not_taken_for_what_does_not_exist(name: str) -> None:
    field = name.partition(".")[2]
    (kind,) = {one.containing_type for one in FIELDS if name_of(one) == name}
    message, right = GetMessageClass(kind), bounds.SIZES[name]
    for size in (1, right - 1, right + 1):
        with pytest.raises(Refused, match=rf"has {size} bytes?, not {right}$") as refused:
            bounds.check(message(**{field: b"x" * size}))
        assert refused.value.code is Code.INVALID_ARGUMENT
    for size in (0, right):
        bounds.check(message(**{field: b"x" * size}))


@pytest.mark.parametrize("part", [{"id": b"x" * 8}, {"id": b"x"}, {"owner": b"x" * 13}, {"id": b"", "owner": b"x"}], ids=repr)
@pytest.mark.parametrize("verb", [request_pb2.Settle, request_pb2.Discard])
def test_bytes_of_another_size_are_refused_also_in_a_part_that_is_short(verb: Callable[..., Message], part: dict[str, bytes]) -> None:
    """One that has few bytes exceeds no limit, and is looked through all the same."""
    whole = {"id": b"i" * 16, "owner": b"o" * 32}
    with pytest.raises(Refused, match=r"bytes?, not \d+$"):
        bounds.check(verb(jobs=[whole, part, whole]))
    bounds.check(verb(jobs=[whole, {}, whole]))


@pytest.mark.parametrize(
    "spec",
    [
        job_pb2.JobSpec(argv=[b"a"] * (MOST_ARGUMENTS + 1)),
        job_pb2.JobSpec(environment=[job_pb2.EnvironmentVariable(name=b"a")] * (MOST_VARIABLES + 1)),
        job_pb2.JobSpec(labels=[job_pb2.Label(name="a")] * (MOST_LABELS + 1)),
        job_pb2.JobSpec(name="x" * 257),
    ],
)
def test_a_job_of_more_than_its_bounds_is_refused(spec: job_pb2.JobSpec) -> None:
    with pytest.raises(Refused, match=r"the limit is \d+"):
        bounds.check(request_pb2.NewJob(id=b"1" * 16, spec=spec))


def test_what_is_within_the_bounds_passes() -> None:
    bounds.check(request_pb2.Request(stop=request_pb2.Stop(keys=[KEY] * MOST_KEYS)))
    bounds.check(request_pb2.Request(query_one=request_pb2.QueryOne(name="x" * 256)))


def test_hello_tells_the_bounds_that_a_client_can_come_to() -> None:
    told = limits()
    assert (told.keys_per_request, told.jobs_per_filter, told.other_message_bytes) == (
        MOST_KEYS,
        MOST_JOBS_PER_FILTER,
        LARGEST_OTHER_MESSAGE,
    )
    assert (told.arguments, told.variables, told.labels) == (MOST_ARGUMENTS, MOST_VARIABLES, MOST_LABELS)


# Large requests.


def envelope(request: request_pb2.Request, beside: bytes = b"") -> bytes:
    return request_pb2.Envelope(request=request.SerializeToString() + beside).SerializeToString()


def start(count: int, size: int = 100) -> request_pb2.Request:
    jobs = [request_pb2.NewJob(id=number.to_bytes(16, "big"), spec=job_pb2.JobSpec(argv=[b"x" * size])) for number in range(count)]
    return request_pb2.Request(id=7, start=request_pb2.Start(jobs=jobs, watch=True, credit_messages=9, first_store=b"s" * 16))


def field(number: int, content: bytes) -> bytes:
    """One length-delimited field as it travels."""
    length = b""
    left = len(content)
    while left > 127:
        length += bytes([left & 127 | 128])
        left >>= 7
    return bytes([number << 3 | 2]) + length + bytes([left]) + content


def test_a_large_start_is_read_as_a_small_one_is() -> None:
    asked = start(MOST_JOBS_PER_START, 1000)
    read = large.read(envelope(asked))
    assert read.jobs is not None
    assert [large.read_job(raw) for raw in read.jobs] == list(asked.start.jobs)
    asked.start.ClearField("jobs")
    assert read.request == asked
    assert large.read(envelope(start(3))).jobs is None


@pytest.mark.parametrize(
    "frame",
    [
        envelope(request_pb2.Request(id=1, stop=request_pb2.Stop(keys=[KEY] * 380_000))),
        envelope(request_pb2.Request(id=1, list=request_pb2.List()), field(99 % 16, b"x" * 7_000_000)),
        envelope(start(1), field(15, b"x" * 7_000_000)),
        envelope(start(1), field(3, field(15, b"x" * 7_000_000))),
        envelope(start(1), field(3, b"\x0a\x00" * 3_000_000)),
        envelope(start(200, 1000), b"\x78\x00" * 1000),
        envelope(start(1)) + field(15, b"x" * 7_000_000),
        envelope(start(200, 1000), b"\x0b"),
        envelope(start(200, 1000), b"\x1a\xff\xff\xff\x7f"),
        envelope(start(200, 1000))[:-10_000],
        envelope(start(MOST_JOBS_PER_START + 1, 1000)),
    ],
    ids=[
        "keys",
        "beside a list",
        "beside a start",
        "inside a start",
        "empty jobs",
        "many fields",
        "beside the request",
        "group",
        "cut",
        "short",
        "jobs",
    ],
)
def test_a_large_request_that_is_no_start_or_holds_something_else_is_refused(frame: bytes) -> None:
    with pytest.raises(Refused) as refused:
        large.read(frame)
    assert refused.value.code is Code.INVALID_ARGUMENT


def test_a_start_that_an_earlier_version_took_can_still_be_read() -> None:
    asked = start(MOST_JOBS_PER_KEPT_START, 10)
    read = large.read_kept(envelope(asked))
    assert read.jobs is not None
    assert len(read.jobs) == MOST_JOBS_PER_KEPT_START
    with pytest.raises(Refused, match=f"more than {MOST_JOBS_PER_KEPT_START} jobs"):
        large.read_kept(envelope(start(MOST_JOBS_PER_KEPT_START + 1, 10)))


def test_empty_starts_are_refused_before_all_of_them_are_looked_at() -> None:
    cut_short = b"\x1a\xff"
    with pytest.raises(Refused, match="may have more than"):
        large.read(envelope(start(1), field(3, b"") * 3_000_000 + cut_short))


@pytest.mark.parametrize("name", ["stop", "pause", "resume", "change"])
def test_what_an_earlier_version_has_accepted_may_name_more_jobs(name: str) -> None:
    def naming(many: int) -> request_pb2.Request:
        request = request_pb2.Request()
        getattr(request, name).keys.extend([KEY] * many)
        return request

    bounds.check(naming(MOST_KEYS_OF_A_KEPT_REQUEST), kept=True)
    for request, kept in ((naming(MOST_KEYS + 1), False), (naming(MOST_KEYS_OF_A_KEPT_REQUEST + 1), True)):
        with pytest.raises(Refused, match="the limit is"):
            bounds.check(request, kept=kept)
