"""A socket of libzmq with the keys of a worker, which lets everybody in and says nothing by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import zmq

from jobwire.keys import identity

OURS, WORKERS = (identity.from_seed(bytes([number]) * 32) for number in (1, 2))
_SECONDS = 60


@contextmanager
def curve_router() -> Iterator[zmq.Socket[bytes]]:
    """Return it; it is bound to a port of 127.0.0.1."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.set(zmq.CURVE_SERVER, 1)
        router.set(zmq.CURVE_SECRETKEY, WORKERS.curve_secret)
        router.set(zmq.CURVE_PUBLICKEY, WORKERS.curve_public)
        router.set(zmq.LINGER, 0)
        router.set(zmq.RCVTIMEO, _SECONDS * 1000)
        router.bind("tcp://127.0.0.1:*")
        yield router
