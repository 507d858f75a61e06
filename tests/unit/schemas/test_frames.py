import contextlib
import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages import messages

from jobwire.schemas.frames import read_envelope, read_news, read_reply, refusal_from, refusal_message
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2
from jobwire.schemas.jobs.states import Outcome, OutcomeKind, ResourceUse, exit_status
from jobwire.schemas.refusal import Code, Reason, Refused
from jobwire.schemas.requests import large
from jobwire.schemas.wire_codec import outcome_from_wire, outcome_to_wire


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (read_envelope, read_reply, read_news):
        with contextlib.suppress(Refused):
            read(data)


@given(messages(request_pb2.Request), messages(request_pb2.Reply), messages(event_pb2.News), st.data())
def test_any_mutation_of_a_valid_frame_is_read_or_refused(
    request: request_pb2.Request, reply: request_pb2.Reply, news: event_pb2.News, data: st.DataObject
) -> None:
    envelope = request_pb2.Envelope(request=mutated(request.SerializeToString(), data))
    frames = [(read_envelope, envelope.SerializeToString()), (read_reply, reply.SerializeToString()), (read_news, news.SerializeToString())]
    for read, frame in frames:
        with contextlib.suppress(Refused):
            read(mutated(frame, data))


def mutated(frame: bytes, data: st.DataObject) -> bytes:
    at, length = data.draw(st.integers(0, len(frame))), data.draw(st.integers(0, 3))
    return frame[:at] + data.draw(st.binary(max_size=3)) + frame[at + length :]


@pytest.mark.parametrize("frame", [b"\x0a\xff\xff\xff\xff\x07", b"\x12" * 100_000, b"\x0b" * 1_000_000, b"\x0a\x80" * 500_000])
def test_a_hostile_frame_is_refused_at_once(frame: bytes) -> None:
    """Lengths that are not there, groups within groups, numbers without end."""
    # The CPU's time, whatever else the machine does.
    began = time.process_time()
    for read in (read_envelope, read_reply, read_news):
        with contextlib.suppress(Refused):
            read(frame)
    assert time.process_time() - began < 1


def test_an_envelope_gives_the_request_and_the_bytes_that_were_signed() -> None:
    request = request_pb2.Request(id=7, hello=request_pb2.Hello(software="x"))
    raw = request.SerializeToString()
    got, envelope = read_envelope(request_pb2.Envelope(request=raw).SerializeToString())
    assert got == request
    assert envelope.request == raw


REQUEST = request_pb2.Request(id=7, hello=request_pb2.Hello(software="x"))


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (b"", "the frame is empty"),
        (REQUEST.SerializeToString(), "a Request without an Envelope"),
        (request_pb2.Request(id=7).SerializeToString(), "a Request without an Envelope"),
        (request_pb2.Request(start=request_pb2.Start()).SerializeToString(), "a Request without an Envelope"),
        (request_pb2.Envelope(proof=request_pb2.Proof(signer=b"k" * 32)).SerializeToString(), "the Envelope holds no Request"),
        (request_pb2.Envelope(request=b"\xff").SerializeToString(), "cannot be decoded"),
        (b"GET / HTTP/1.1", "cannot be decoded"),
    ],
)
def test_the_refusal_of_a_frame_that_is_not_a_request_says_what_it_is(frame: bytes, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence) as refused:
        read_envelope(frame)
    assert refused.value.code is Code.INVALID_ARGUMENT
    assert "Envelope" in refused.value.next_step


def test_a_request_without_a_number_is_refused() -> None:
    raw = request_pb2.Request(hello=REQUEST.hello).SerializeToString()
    with pytest.raises(Refused, match="no id"):
        read_envelope(request_pb2.Envelope(request=raw).SerializeToString())


@given(st.sampled_from(Code), st.text(), st.text(), st.none() | st.integers(0, 100), st.none() | st.sampled_from(Reason))
def test_a_refusal_travels_unchanged(code: Code, message: str, next_step: str, index: int | None, reason: Reason | None) -> None:
    refused = Refused(code, message, next_step, index, reason)
    for copy in (refusal_from(refusal_message(refused)), pickle.loads(pickle.dumps(refused))):
        assert (copy.code, copy.message, copy.next_step, copy.job_index, copy.reason) == (code, message, next_step, index, reason)


def test_a_code_of_a_newer_version_is_internal_and_a_reason_none() -> None:
    refused = refusal_from(request_pb2.Refusal.FromString(b"\x08\x63\x28\x63"))
    assert (refused.code, refused.reason) == (Code.INTERNAL, None)


def test_codes_and_reasons_of_code_and_schema_are_the_same() -> None:
    for prefix, known, schema in (("CODE_", Code, request_pb2.Code), ("REASON_", Reason, request_pb2.Reason)):
        assert {f"{prefix}{one.name}": one.value for one in known} == {name: number for name, number in schema.items() if number}


@given(st.sampled_from(OutcomeKind), st.integers(0, 255), st.integers(0, 64), st.text())
def test_an_outcome_travels_unchanged(kind: OutcomeKind, status: int, signal: int, sentence: str) -> None:
    outcome = Outcome(kind, status, signal, sentence, ResourceUse(1, 2, 3), 4, 5)
    assert outcome_from_wire(outcome_to_wire(outcome)) == outcome


def test_commands_end_as_the_job_did() -> None:
    assert exit_status(OutcomeKind.EXITED, 7, 0) == 7
    assert exit_status(OutcomeKind.SIGNALED, 0, 9) == 137
    assert exit_status(OutcomeKind.FAILED_TO_START, 127, 0) == 127
    assert exit_status(OutcomeKind.TIMED_OUT, 0, 15) == 124
    assert exit_status(OutcomeKind.LOST, 0, 0) == 125


def test_the_refusal_of_a_whole_frame_names_the_request() -> None:
    for number in (1, 7, 8, 300, 2**64 - 1):
        request = request_pb2.Request(id=number, list=request_pb2.List(batch_name="x" * 200_000))
        frame = request_pb2.Envelope(request=request.SerializeToString()).SerializeToString()
        with pytest.raises(Refused, match="only a start"):
            large.read(frame)
        assert large.id_of(frame) == number
        assert large.id_of(request.SerializeToString()) == 0
    for frame in (b"", b"\x0a", b"\x0a\x05\x08", b"\x0a\x0b\x08" + b"\xff" * 9 + b"\x7f", b"GET / HTTP/1.1", b"\x0a\x02\x10\x07"):
        assert large.id_of(frame) == 0


@given(st.binary(max_size=60))
def test_the_search_for_an_id_fails_on_no_bytes(data: bytes) -> None:
    for frame in (data, b"\x0a" + data, b"\x0a\x20\x08" + data):
        assert 0 <= large.id_of(frame) < 2**64


def test_an_outcome_has_the_fields_of_its_message() -> None:
    assert {field.name for field in job_pb2.Outcome.DESCRIPTOR.fields} == set(Outcome.__match_args__)
    assert {field.name for field in job_pb2.ResourceUse.DESCRIPTOR.fields} == set(ResourceUse.__match_args__)


def test_an_outcome_of_a_newer_worker_is_lost() -> None:
    assert outcome_from_wire(job_pb2.Outcome.FromString(bytes([8, 99]))).kind is OutcomeKind.LOST
