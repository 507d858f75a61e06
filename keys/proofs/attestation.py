"""A worker's signed statement about the end of a job: others can withhold it, but neither forge nor alter it."""

from __future__ import annotations

from nacl import bindings
from nacl.exceptions import CryptoError

from ...schemas.generated import job_pb2
from ...schemas.refusal import Code, Refused
from ..identity import KEY_BYTES, SIGNATURE_BYTES, Identity

_DOMAIN = b"jobwire.v1.ended\n"


def attest(worker: Identity, end: job_pb2.EndStatement) -> bytes:
    """Return the signed statement of a worker, serialized."""
    said = end.SerializeToString()
    return job_pb2.Attestation(worker=worker.public, statement=said, signature=worker.sign(_DOMAIN + said)).SerializeToString()


def read(raw: bytes) -> tuple[bytes, job_pb2.EndStatement]:
    """Return the public key of the worker that made a statement, and the statement.

    Raises `Refused(UNAUTHENTICATED)`, or DecodeError.
    """
    said = job_pb2.Attestation.FromString(raw)
    if (len(said.worker), len(said.signature)) != (KEY_BYTES, SIGNATURE_BYTES):
        raise Refused(Code.UNAUTHENTICATED, "a field of the statement has the wrong length")
    try:
        bindings.crypto_sign_open(said.signature + _DOMAIN + said.statement, said.worker)
    except CryptoError:
        raise Refused(Code.UNAUTHENTICATED, "the signature does not match the statement") from None
    return said.worker, job_pb2.EndStatement.FromString(said.statement)
