"""SHA-256 by libsodium, which a daemon has loaded anyway: `hashlib` loads OpenSSL, 4 MB in a process that does not need it otherwise."""

from __future__ import annotations

from nacl import bindings


def sha256(data: bytes) -> bytes:
    """Return the digest of bytes, 32 bytes (FIPS 180-4)."""
    return bytes(bindings.crypto_hash_sha256(data))
