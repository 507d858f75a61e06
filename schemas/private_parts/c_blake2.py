"""CPython's module `_blake2`, the C part of `hashlib`'s BLAKE2.

Private to CPython. Used because `hashlib` loads OpenSSL: 4 MB in each daemon, more than everything else that the supervisor loads.
`tests/unit/test_private_parts.py` fails once `hashlib` no longer loads OpenSSL, or `_blake2` computes something else than `hashlib`.
"""

from _blake2 import blake2b

__all__ = ["blake2b"]
