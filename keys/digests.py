"""SHA-256 without `hashlib`, which loads OpenSSL."""

from __future__ import annotations

from ..schemas.private_parts import c_sha2


def sha256(data: bytes) -> bytes:
    """Return the digest of bytes, 32 bytes (FIPS 180-4)."""
    return c_sha2.sha256(data).digest()
