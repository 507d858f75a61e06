"""Modules that libraries import and a daemon does not need, 7 MB of its memory: most of it OpenSSL, which asyncio imports for TLS.

That asyncio works without `ssl`, and msgspec without `typing_extensions`, is private to them: a Python may have been built without OpenSSL,
and the other may not be installed. They are hidden only while these two are loaded, and can be imported later.
`tests/unit/test_private_parts.py` fails once they are not loaded by themselves.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ...schemas.private_parts.deferred import defer

# Of urllib and pathlib, of protobuf and sqlite3, of subprocess, and of pyzmq: for functions that nobody calls here.
_DEFERRED = ("ipaddress", "calendar", "locale", "random")


def load() -> None:
    """Load asyncio and msgspec without these modules. Does no more than an import if they are loaded already."""
    for name in _DEFERRED:
        defer(name)
    with _hidden("ssl"):
        import asyncio  # noqa: F401, PLC0415 -- what this is for
    with _hidden("typing_extensions"):
        import msgspec  # noqa: F401, PLC0415 -- as above


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    if name in sys.modules:
        yield
        return
    # What `import` takes for "there is none", see importlib.
    sys.modules[name] = None  # type: ignore[assignment] # reason: documented, but not in the types
    try:
        yield
    finally:
        del sys.modules[name]
