"""The signature of a client at the end of a standard input that it sends through a broker: over the number of bytes, and their hash.

Signed are the domain, the public key of the owner, the id of the job, the token of the `feed`, the number of bytes (8, big-endian) and the
hash. For less than 1 MiB, the hash is the BLAKE2b of the input. Otherwise the input is cut into blocks of 1 MiB and a shorter last one,
which may be empty; the hash of each block is over the hash of the block before it and its own bytes, and the last one is signed. So whoever
has noted the hash at the end of a block needs only the bytes since then to continue.
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
HASH_BYTES = 32
BLOCK_BYTES = 1024 * 1024


class Fed(NamedTuple):
    """Identifies an input: whose it is, of which job, and by which feeder. The owner of a job feeds it, and has signed that.

    `signer`: the key that signs, if it is the key of a job which acts for the owner.
    """

    job: JobKey
    token: bytes
    signer: bytes = b""


class RunningHash:
    """The hash of the bytes so far. `size` and `before`: the size and hash of whole blocks to continue from, as `blocks` returned them."""

    def __init__(self, size: int = 0, before: bytes = b"") -> None:
        self.size = size
        self._before = before
        self._hash = blake2b(before, digest_size=HASH_BYTES)

    @property
    def blocks(self) -> tuple[int, bytes]:
        """The number of bytes in whole blocks so far, and their hash."""
        return self.size - self.size % BLOCK_BYTES, self._before

    def add(self, data: bytes | memoryview) -> None:
        """Hash the next bytes."""
        left = memoryview(data)
        while left:
            now = left[: BLOCK_BYTES - self.size % BLOCK_BYTES]
            self._hash.update(now)
            self.size += len(now)
            left = left[len(now) :]
            if self.size % BLOCK_BYTES == 0:
                self._before = self._hash.digest()
                self._hash = blake2b(self._before, digest_size=HASH_BYTES)

    def seal(self, identity: Identity, fed: Fed) -> bytes:
        """Return the signature of the owner over the whole input."""
        return identity.sign(self._statement(fed))

    def is_sealed(self, fed: Fed, seal: bytes) -> bool:
        """Return whether the owner signed exactly these bytes."""
        message = self._statement(fed)
        try:
            return len(seal) == SIGNATURE_BYTES and bindings.crypto_sign_open(seal + message, fed.signer or fed.job.owner) == message
        except CryptoError:
            return False

    def _statement(self, fed: Fed) -> bytes:
        return _DOMAIN + fed.job.owner + fed.job.id + fed.token + self.size.to_bytes(_SIZE_BYTES, "big") + self._hash.digest()
