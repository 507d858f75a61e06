"""Signed requests, and each way in which one can be wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl import bindings

from jobwire.keys import identity
from jobwire.keys.proofs import signature
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.refusal import Code, Reason, Refused

CLIENT = identity.from_seed(b"c" * 32)
DAEMON = identity.from_seed(b"d" * 32).public
OTHER = identity.from_seed(b"o" * 32)
NONCE = b"n" * 16
REQUEST = b"any bytes"


def signed() -> request_pb2.Envelope:
    return request_pb2.Envelope(request=REQUEST, proof=signature.sign(CLIENT, DAEMON, NONCE, REQUEST))


def refused(envelope: request_pb2.Envelope, nonce: bytes = NONCE) -> Refused:
    with pytest.raises(Refused) as caught:
        signature.check(envelope, DAEMON, nonce)
    assert caught.value.next_step
    return caught.value


@given(st.binary(max_size=200))
def test_a_signed_request_names_its_signer(request: bytes) -> None:
    envelope = request_pb2.Envelope(request=request, proof=signature.sign(CLIENT, DAEMON, NONCE, request))
    received = request_pb2.Envelope.FromString(envelope.SerializeToString())
    assert signature.check(received, DAEMON, NONCE) == CLIENT.public


def test_exactly_the_bytes_of_the_schema_are_signed() -> None:
    proof = signed().proof
    signed_bytes = b"jobwire.v1.request\n" + DAEMON + NONCE + REQUEST
    assert bindings.crypto_sign_open(proof.signature + signed_bytes, CLIENT.public) == signed_bytes


def test_a_request_without_proof_is_unauthenticated() -> None:
    assert refused(request_pb2.Envelope(request=REQUEST)).code is Code.UNAUTHENTICATED


def test_a_request_for_another_worker_is_unauthenticated() -> None:
    envelope = request_pb2.Envelope(request=REQUEST, proof=signature.sign(CLIENT, OTHER.public, NONCE, REQUEST))
    no = refused(envelope)
    assert no.code is Code.UNAUTHENTICATED
    assert "another worker" in no.message


def test_only_a_stale_nonce_tells_the_client_to_say_hello_again() -> None:
    no = refused(signed(), b"m" * 16)
    assert no.code is Code.FAILED_PRECONDITION
    assert no.reason is Reason.STALE_NONCE
    assert refused(request_pb2.Envelope(request=REQUEST)).reason is None


@pytest.mark.parametrize("part", ["signer", "signature"])
def test_another_signer_or_signature_is_unauthenticated(part: str) -> None:
    envelope = signed()
    other = signature.sign(OTHER, DAEMON, NONCE, REQUEST)
    setattr(envelope.proof, part, getattr(other, part))
    assert refused(envelope).code is Code.UNAUTHENTICATED


@given(st.integers(0, len(REQUEST) * 8 - 1))
def test_a_changed_bit_of_the_request_is_unauthenticated(bit: int) -> None:
    envelope = signed()
    changed = bytearray(REQUEST)
    changed[bit // 8] ^= 1 << bit % 8
    envelope.request = bytes(changed)
    assert refused(envelope).code is Code.UNAUTHENTICATED


@given(st.integers(0, 64 * 8 - 1))
def test_a_changed_bit_of_the_signature_is_unauthenticated(bit: int) -> None:
    envelope = signed()
    changed = bytearray(envelope.proof.signature)
    changed[bit // 8] ^= 1 << bit % 8
    envelope.proof.signature = bytes(changed)
    assert refused(envelope).code is Code.UNAUTHENTICATED


@pytest.mark.parametrize("part", ["signer", "audience", "nonce", "signature"])
@pytest.mark.parametrize("change", [b"", b"x"])
def test_parts_of_a_wrong_length_are_unauthenticated(part: str, change: bytes) -> None:
    envelope = signed()
    setattr(envelope.proof, part, getattr(envelope.proof, part) + change if change else b"")
    assert refused(envelope).code is Code.UNAUTHENTICATED


def test_a_signature_of_a_low_order_key_is_unauthenticated() -> None:
    # The identity point verifies S = 0, R = identity for any text, unless the verifier looks.
    envelope = signed()
    envelope.proof.signer = (1).to_bytes(32, "little")
    envelope.proof.signature = (1).to_bytes(32, "little") + bytes(32)
    assert refused(envelope).code is Code.UNAUTHENTICATED


def test_a_hello_without_key_or_nonce_cannot_be_signed_for() -> None:
    for audience, nonce in ((b"", NONCE), (DAEMON, b"")):
        with pytest.raises(Refused) as caught:
            signature.sign(CLIENT, audience, nonce, REQUEST)
        assert caught.value.code is Code.INVALID_ARGUMENT
