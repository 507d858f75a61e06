"""asyncio without `ssl`, which it imports for TLS: with OpenSSL, that is 5 MB of the worker's memory, and the worker has no TLS.

That asyncio does without it is private to CPython: a Python that was built without OpenSSL has no `ssl`. It is hidden only while asyncio is
loaded, and who imports it later gets it. `tests/unit/test_private_parts.py` fails once asyncio does not load it by itself.
"""

import sys


def load() -> None:
    """Load asyncio. Does nothing more than an import if `ssl` was loaded before."""
    hides = "ssl" not in sys.modules
    if hides:
        # What `import` takes for "there is none", see importlib.
        sys.modules["ssl"] = None  # type: ignore[assignment] # reason: documented, but not in the types
    try:
        import asyncio  # noqa: F401, PLC0415 -- what this is for
    finally:
        if hides:
            del sys.modules["ssl"]
