"""What libraries import and an answer to Tab does not need: a tenth of its time.

That they need none of it while they are loaded is private to them. Nothing is missing for whoever uses it later.
`tests/unit/test_private_parts.py` fails once they are not loaded by themselves.
"""

import os

from ....schemas.private_parts.deferred import defer

# Of pathlib, of protobuf, and of pyzmq: for functions that nobody calls here.
_DEFERRED = ("ipaddress", "shlex", "calendar", "locale", "platform", "random")


def spare() -> None:
    """Have these loaded only when something of them is used. Does nothing for what was loaded before."""
    for name in _DEFERRED:
        defer(name)
    # pyzmq asks `platform` otherwise which one to take.
    os.environ.setdefault("PYZMQ_BACKEND", "cython")
    # pyzmq wants to know this number, and no more, for sending Python objects.
    defer("pickle", DEFAULT_PROTOCOL=5)
