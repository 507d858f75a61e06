"""Whether a port is the other one of a worker: it has one port for requests and one for events, usually adjacent.

To libzmq, a socket of the wrong kind looks like a worker with another key: each ends the handshake.
"""

from __future__ import annotations

import time

import zmq

from ....keys.identity import Identity
from ....keys.sockets import client_socket, connect, new_context, whole

_SECONDS = 1.0


def takes(endpoint: str, kind: int, identity: Identity, server_key: bytes) -> bool:
    """Return whether a socket of this kind completes a handshake there within a second."""
    until = time.monotonic() + _SECONDS
    context = new_context()
    try:
        socket = client_socket(context, kind, identity, server_key)
        monitor = whole(lambda: socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED))
        connect(socket, endpoint)
        succeeded = bool(monitor.poll(max(0, round((until - time.monotonic()) * 1000))))
        socket.disable_monitor()
        monitor.close()
    except zmq.ZMQError:
        return False
    finally:
        context.destroy(linger=0)
    return succeeded
