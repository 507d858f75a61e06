"""What a client signs at the end of a standard input that it sends through a broker: how many bytes they were, and their BLAKE2b.

The domain, the public key of the owner, the id of the job, the token of the `feed`, the number of bytes (8, big-endian) and the hash.
"""

from __future__ import annotations

from typing import NamedTuple

from nacl import bindings
from nacl.exceptions import CryptoError

from ...schemas.naming import JobKey
from ...schemas.private_parts.c_blake2 import blake2b
from ..identity import SIGNATURE_BYTES, Identity

_DOMAIN = b"jobwire.v1.input\n"
_SIZE_BYTES = 8
_HASH_BYTES = 32


class Fed(NamedTuple):
    """Which input it is: whose, of which job, and by which feeder. The owner of a job feeds it, and has signed that.

    `signer`: the key that signs, if that is the key of a job which acts for the owner.
    """

    job: JobKey
    token: bytes
    signer: bytes = b""


class RunningHash:
    """The hash of the bytes so far."""

    def __init__(self) -> None:
        self.size = 0
        self._hash = blake2b(digest_size=_HASH_BYTES)

    def add(self, data: bytes | memoryview) -> None:
        """Add the next bytes."""
        self._hash.update(data)
        self.size += len(data)

    def seal(self, identity: Identity, fed: Fed) -> bytes:
        """Return the signature of the owner under all of it."""
        return identity.sign(self._statement(fed))

    def is_sealed(self, fed: Fed, seal: bytes) -> bool:
        """Return whether the owner has signed just these bytes."""
        message = self._statement(fed)
        try:
            return len(seal) == SIGNATURE_BYTES and bindings.crypto_sign_open(seal + message, fed.signer or fed.job.owner) == message
        except CryptoError:
            return False

    def _statement(self, fed: Fed) -> bytes:
        return _DOMAIN + fed.job.owner + fed.job.id + fed.token + self.size.to_bytes(_SIZE_BYTES, "big") + self._hash.digest()
