"""SHA-256 without `hashlib`, which loads OpenSSL."""

from __future__ import annotations

from collections.abc import Generator

from ..schemas.private_parts import c_sha2

# About a millisecond.
_BYTES_A_STEP = 256 * 1024


def sha256(data: bytes) -> bytes:
    """Return the digest of bytes, 32 bytes (FIPS 180-4)."""
    return c_sha2.sha256(data).digest()


def sha256_in_steps(*parts: bytes) -> Generator[None, None, bytes]:
    """Return the digest of the concatenation of these parts, in steps if they are long."""
    hashed = c_sha2.sha256()
    for part in parts:
        for begin in range(0, len(part), _BYTES_A_STEP):
            if begin:
                yield
            hashed.update(memoryview(part)[begin : begin + _BYTES_A_STEP])
    return hashed.digest()
