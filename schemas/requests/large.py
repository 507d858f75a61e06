"""Read a request that may be large: a start or a stage is split before it is decoded, and its jobs are decoded one by one.

Decoding 8 MiB of the smallest fields at once takes half a second and 200 MB. Every other request therefore has a size limit that makes it
harmless, and of these two only their own few fields are decoded at once (https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from google.protobuf.message import DecodeError

from ..frames import LARGEST_OTHER_MESSAGE, LARGEST_PART, MOST_JOBS_PER_KEPT_START, MOST_JOBS_PER_PART, MOST_JOBS_PER_START, read_envelope
from ..generated import request_pb2
from ..refusal import Code, Refused

# What an Envelope adds to its request: a proof, and room for what a newer version may add.
_ENVELOPE_BYTES = 4096
# And for each job that is shown of a start that has more: its path.
_SHOWN_BYTES = 1024
# Beside its jobs a start has a handful of fields, and a request two.
_MOST_FIELDS = 64
_JOBS = 1
_START = 3
_STAGE = 34
_LENGTHS = {0: 0, 1: 8, 5: 4}
LENGTH_DELIMITED = 2
# The first byte of `Envelope.request`, and that of `Request.id`.
_TAG_OF_REQUEST = 1 << 3 | LENGTH_DELIMITED
_TAG_OF_ID = 1 << 3


class TooLarge(Refused):
    """Raised for a request that is larger than its verb can need."""


class Large(NamedTuple):
    """A request; `jobs` are those of a start that was split, and missing in `request`. `rest`: its other fields, as they were sent."""

    request: request_pb2.Request
    envelope: request_pb2.Envelope
    jobs: Sequence[bytes] | None
    rest: bytes | None = None


def read(frame: bytes, most_jobs: int = MOST_JOBS_PER_START) -> Large:
    """Return the request that a client sent. `most_jobs`: how many jobs a start may have.

    Raises `TooLarge` for a request that is larger than any request but a start may be, and `Refused(INVALID_ARGUMENT)` for a malformed
    frame, or one that is larger than its request needs.
    """
    if len(frame) <= LARGEST_OTHER_MESSAGE:
        request, envelope = read_envelope(frame)
        return split(envelope, most_jobs) if envelope.proof.root and request.HasField("start") else Large(request, envelope, None)
    try:
        _demand_start(frame)
        envelope = request_pb2.Envelope.FromString(frame)
        # An Envelope may hold several, of which the last counts. Each look at this field makes a copy of it.
        raw = envelope.request
        _demand_sizes(raw, 0, len(raw))
        if len(frame) - len(raw) > _ENVELOPE_BYTES + _SHOWN_BYTES * len(envelope.shown):
            raise Refused(Code.INVALID_ARGUMENT, f"the Envelope has {len(frame) - len(raw)} bytes beside its request")
        return Large(*_take_apart(envelope, raw, most_jobs))
    except (DecodeError, IndexError):
        raise Refused(Code.INVALID_ARGUMENT, "the frame is not an Envelope with a Request in it: it cannot be decoded") from None


def read_kept(frame: bytes) -> Large:
    """Return a request that was accepted before, perhaps by an earlier version. Raises as `read` does."""
    return read(frame, MOST_JOBS_PER_KEPT_START)


def split(envelope: request_pb2.Envelope, most_jobs: int = MOST_JOBS_PER_KEPT_START) -> Large:
    """Return a start split into its jobs, as a large one is: its signature is over a tree of its jobs, as they were sent.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    try:
        found = Large(*_take_apart(envelope, envelope.request, most_jobs))
    except (DecodeError, IndexError, TooLarge):
        raise Refused(Code.INVALID_ARGUMENT, "the start cannot be split into its jobs") from None
    if found.request.WhichOneof("verb") != "start":
        raise Refused(Code.INVALID_ARGUMENT, "the request is signed by a root over jobs, but is not a start")
    return found


def id_of(frame: bytes) -> int:
    """Return the id of a request that is refused as a whole, for the reply; 0 if it is not the first field."""
    try:
        _, begin, content, end = next(fields(frame, 0, len(frame)))
        if frame[begin] == _TAG_OF_REQUEST:
            _, begin, content, _ = next(fields(frame, content, end))
            number = _varint(frame, content)[0]
            if frame[begin] == _TAG_OF_ID and number < 1 << 64:
                return number
    except (DecodeError, IndexError, StopIteration):
        pass
    return 0


def read_job(raw: bytes) -> request_pb2.NewJob:
    """Return one of the jobs, decoded.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    try:
        return request_pb2.NewJob.FromString(raw)
    except DecodeError:
        raise Refused(Code.INVALID_ARGUMENT, "a job of the start cannot be decoded") from None


def _demand_start(frame: bytes) -> None:
    """Check that a large frame is a start, before any of it is copied."""
    for _, begin, content, end in islice(fields(frame, 0, len(frame)), _MOST_FIELDS):
        if frame[begin] == _TAG_OF_REQUEST:
            _demand_sizes(frame, content, end)
            return


def _demand_sizes(raw: bytes, begin: int, end: int) -> None:
    """Check what makes a request large: only the jobs of a start, one job of a part, or the jobs of a part up to a limit may."""
    size = jobs = 0
    for number, at, content, until in islice(fields(raw, begin, end), _MOST_FIELDS):
        if number not in {_START, _STAGE} and until - at > LARGEST_OTHER_MESSAGE:
            raise _too_large(end - begin)
        if number == _STAGE:
            size += until - at
            # Two jobs are found, if there are two: other fields are at most so many.
            jobs += sum(field == _JOBS for field, *_ in islice(fields(raw, content, until), _MOST_FIELDS + 2))
    if size > LARGEST_PART and jobs > 1:
        raise Refused(Code.INVALID_ARGUMENT, f"the part has {size} bytes, the limit of one with several jobs is {LARGEST_PART}", "split it")


def _take_apart(
    envelope: request_pb2.Envelope, raw: bytes, most_jobs: int
) -> tuple[request_pb2.Request, request_pb2.Envelope, Sequence[bytes], bytes]:
    rest: list[bytes] = []
    beside: list[bytes] = []
    jobs: list[bytes] = []
    others = 0
    for number, begin, content, end in fields(raw, 0, len(raw)):
        others += 1
        # Of starts too: 8 MiB hold four million empty ones.
        if others > _MOST_FIELDS:
            raise _too_large(len(raw))
        if number not in {_START, _STAGE}:
            rest.append(raw[begin:end])
            if sum(map(len, rest)) > LARGEST_OTHER_MESSAGE:
                raise _too_large(len(raw))
            continue
        own = _take_jobs(raw, content, end, jobs, _MOST_FIELDS - others, most_jobs if number == _START else MOST_JOBS_PER_PART)
        others += len(own)
        beside += own
        verb = b"".join(own)
        split = (
            request_pb2.Request(start=request_pb2.Start.FromString(verb))
            if number == _START
            else request_pb2.Request(stage=request_pb2.Stage.FromString(verb))
        )
        rest.append(split.SerializeToString())
    if not jobs:
        raise _too_large(len(raw))
    request = request_pb2.Request.FromString(b"".join(rest))
    if not request.id:
        raise Refused(Code.INVALID_ARGUMENT, "the request has no id, or the id 0", "number requests from 1")
    return request, envelope, jobs, b"".join(beside)


def _take_jobs(raw: bytes, at: int, until: int, jobs: list[bytes], most_others: int, most_jobs: int) -> list[bytes]:
    """Append the jobs of a start or a stage, given as part of these bytes, to `jobs`, and return its other fields."""
    others: list[bytes] = []
    for number, begin, content, end in fields(raw, at, until):
        if number == _JOBS:
            jobs.append(raw[content:end])
            if len(jobs) > most_jobs:
                raise Refused(Code.INVALID_ARGUMENT, f"more than {most_jobs} jobs in one request", "split the request")
            continue
        others.append(raw[begin:end])
        if len(others) > most_others or sum(map(len, others)) > _ENVELOPE_BYTES:
            raise Refused(Code.INVALID_ARGUMENT, f"the request has more than {_ENVELOPE_BYTES} bytes beside its jobs")
    return others


def _too_large(size: int) -> TooLarge:
    return TooLarge(
        Code.INVALID_ARGUMENT,
        f"the request has {size} bytes; only a start or a stage may have more than {LARGEST_OTHER_MESSAGE}",
        "split the request",
    )


def fields(raw: bytes, at: int, until: int) -> Iterator[tuple[int, int, int, int]]:
    """Iterate over the fields of an encoded message: number, start of the field, start of its content, end.

    Raises DecodeError, or IndexError at the end of the bytes.
    """
    while at < until:
        begin = at
        tag, at = _varint(raw, at)
        kind = tag & 7
        content = at
        if kind == LENGTH_DELIMITED:
            length, content = _varint(raw, at)
            at = content + length
        elif kind in _LENGTHS:
            at = at + _LENGTHS[kind] if kind else _varint(raw, at)[1]
        else:
            raise DecodeError("a group")
        if at > until:
            raise DecodeError("cut short")
        yield tag >> 3, begin, content, at


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = raw[at]
    if value < 0x80:  # noqa: PLR2004 -- one byte, as nearly all are
        return value, at + 1
    value &= 0x7F
    for shift in range(7, 64, 7):
        at += 1
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 -- the last byte of it
            return value, at + 1
    raise DecodeError("a number without end")
