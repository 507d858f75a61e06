"""CPython's module `_sha256` (`_sha2` since 3.12), the C part of `hashlib`'s SHA-256.

Private to CPython. Used because `hashlib` loads OpenSSL: 4 MB in a daemon that does not need it otherwise. libsodium, which a daemon has
loaded anyway, computes the same, but its binding takes five times as long for a few bytes when they are not cached.
`tests/unit/test_private_parts.py` fails once `hashlib` no longer loads OpenSSL, or this computes something else than `hashlib`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import sha256
elif sys.version_info >= (3, 12):
    from _sha2 import sha256
else:
    from _sha256 import sha256

__all__ = ["sha256"]
