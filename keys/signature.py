"""Signed requests: who requested what, from which worker, and in which of its runs.

`message Proof` in request.proto says what is signed. Knows no roster: whether the signer may do it, and owns the connection, is checked
elsewhere.
"""

from __future__ import annotations

from nacl import bindings
from nacl.exceptions import CryptoError

from ..schemas.frames import NONCE_BYTES
from ..schemas.generated import request_pb2
from ..schemas.refusal import Code, Reason, Refused
from .identity import KEY_BYTES, SIGNATURE_BYTES, Identity

_DOMAIN = b"jobwire.v1.request\n"


def sign(identity: Identity, audience: bytes, nonce: bytes, request: bytes) -> request_pb2.Proof:
    """Return a serialized request, signed for the worker `audience` (public key) and the run that `nonce` of its `hello` names.

    Raises `Refused(INVALID_ARGUMENT)` if the `hello` had no valid key or nonce.
    """
    if len(audience) != KEY_BYTES or len(nonce) != NONCE_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, "the worker's hello has no valid public key or nonce, so requests to it cannot be signed")
    return request_pb2.Proof(
        signer=identity.public,
        audience=audience,
        nonce=nonce,
        signature=identity.sign(_DOMAIN + audience + nonce + request),
    )


def check(envelope: request_pb2.Envelope, audience: bytes, nonce: bytes | None) -> bytes:
    """Return the public key that signed the request in `envelope`; `audience` and `nonce` are those of this worker.

    Without a `nonce`, that of any run counts: so it is for a request that was signed for a broker, and that this broker has passed on.

    Raises `Refused(UNAUTHENTICATED)`, or FAILED_PRECONDITION with the reason STALE_NONCE: the worker was restarted meanwhile.
    """
    if not envelope.HasField("proof"):
        raise _unauthenticated("the request changes something and is not signed", "sign it with your key, as docs/protocol.md describes")
    proof = envelope.proof
    if (len(proof.signer), len(proof.audience), len(proof.nonce), len(proof.signature)) != (
        KEY_BYTES,
        KEY_BYTES,
        NONCE_BYTES,
        SIGNATURE_BYTES,
    ):
        raise _unauthenticated("a field of the request's proof has the wrong length", "sign it as docs/protocol.md describes")
    if proof.audience != audience:
        raise _unauthenticated("the request was signed for another worker", "send hello, and sign for the key in its reply")
    if nonce is not None and proof.nonce != nonce:
        raise Refused(
            Code.FAILED_PRECONDITION,
            "the request was signed for an earlier run of this worker",
            "send hello again and sign with the nonce in its reply",
            reason=Reason.STALE_NONCE,
        )
    try:
        bindings.crypto_sign_open(proof.signature + _DOMAIN + audience + proof.nonce + envelope.request, proof.signer)
    except CryptoError:
        raise _unauthenticated("the signature does not match the request", "sign exactly the bytes that are sent") from None
    return proof.signer


def _unauthenticated(message: str, next_step: str) -> Refused:
    return Refused(Code.UNAUTHENTICATED, message, next_step)
