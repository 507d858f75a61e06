"""Signed requests: who requested what, from which worker, and in which of its runs.

`message Proof` in request.proto says what is signed. Knows no roster: whether the signer may do it, and owns the connection, is checked
elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nacl import bindings
from nacl.exceptions import CryptoError

from ...schemas.frames import NONCE_BYTES
from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Reason, Refused
from ..digests import sha256
from ..identity import KEY_BYTES, SIGNATURE_BYTES, Identity
from . import merkle

_DOMAIN = b"jobwire.v1.request\n"
_DATED = b"jobwire.v1.dated\n"
_ROOTED = b"jobwire.v1.start\n"
_TIME_BYTES = 8
_COUNT_BYTES = 4


class Rooted(NamedTuple):
    """A start that is signed by a root over its jobs: how many there are, the root, and its other fields, serialized."""

    jobs: int
    root: bytes
    rest: bytes


def sign(
    identity: Identity, audience: bytes, nonce: bytes, request: bytes, *, not_after_us: int = 0, rooted: Rooted | None = None
) -> request_pb2.Proof:
    """Return a serialized request, signed for the worker `audience` (public key) and its run that `nonce` of its `hello` names.

    `not_after_us`: until when it is valid, 0: for ever. `rooted`: the start, if the request is one that is signed by a root.

    Raises `Refused(INVALID_ARGUMENT)` if the `hello` had no valid key or nonce.
    """
    if len(audience) != KEY_BYTES or len(nonce) != NONCE_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, "the worker's hello has no valid public key or nonce, so requests to it cannot be signed")
    proof = request_pb2.Proof(signer=identity.public, audience=audience, nonce=nonce, not_after_us=not_after_us)
    if rooted is not None:
        proof.jobs, proof.root = rooted.jobs, rooted.root
    proof.signature = identity.sign(_statement(proof, request, rooted.rest if rooted is not None else None))
    return proof


def _statement(proof: request_pb2.Proof, request: bytes, rest: bytes | None) -> bytes:
    """Return the bytes that are signed. The domains differ, so that a signature of one kind is never valid as another kind."""
    said = proof.audience + proof.nonce
    if not proof.root and not proof.not_after_us:
        return _DOMAIN + said + request
    until = proof.not_after_us.to_bytes(_TIME_BYTES, "big")
    if not proof.root:
        return _DATED + said + until + request
    if rest is None:
        raise _unauthenticated("the request is signed by a root over jobs, but is not a start", "sign it as docs/protocol.md describes")
    return _ROOTED + said + until + proof.jobs.to_bytes(_COUNT_BYTES, "big") + proof.root + sha256(rest)


def check(envelope: request_pb2.Envelope, audience: bytes, nonce: bytes | None, rest: bytes | None = None) -> bytes:
    """Return the public key that signed the request in `envelope`; `audience` and `nonce` are those of this worker.

    Without a `nonce`, any run is accepted: for a request that was signed for a broker, which has passed it on. `rest`: of a start, all its
    fields but the jobs. If it is signed by a root, its jobs are not checked here, but by `check_jobs`.

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
    if proof.not_after_us < 0 or len(proof.root) not in (0, merkle.HASH_BYTES) or bool(proof.root) != bool(proof.jobs):
        raise _unauthenticated("a field of the request's proof has an invalid value", "sign it as docs/protocol.md describes")
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
        bindings.crypto_sign_open(proof.signature + _statement(proof, envelope.request, rest), proof.signer)
    except CryptoError:
        raise _unauthenticated("the signature does not match the request", "sign exactly the bytes that are sent") from None
    return proof.signer


def check_jobs(envelope: request_pb2.Envelope, jobs: Sequence[bytes]) -> None:
    """Check that these are the jobs of a start that its signer signed by a root, or the ones that the envelope proves.

    Raises `Refused(UNAUTHENTICATED)`.
    """
    proof, leaves = envelope.proof, map(merkle.leaf, jobs)
    if envelope.shown:
        shown = list(envelope.shown)
        holds = len(shown) == len(jobs) and all(
            merkle.leads_to(proof.root, proof.jobs, one.index, hashed, one.path) for one, hashed in zip(shown, leaves, strict=True)
        )
    else:
        holds = len(jobs) == proof.jobs and merkle.root_of(leaves) == proof.root
    if not holds:
        raise other_jobs()


def other_jobs() -> Refused:
    """Return the refusal of a start whose jobs are not those that were signed."""
    return _unauthenticated("the jobs of the start are not those that were signed", "sign exactly the jobs that are sent")


def _unauthenticated(message: str, next_step: str) -> Refused:
    return Refused(Code.UNAUTHENTICATED, message, next_step)
