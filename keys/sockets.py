"""Sockets that only known keys get through: CurveZMQ, with keys derived from an identity.

Knows no message and no roster. How much a socket takes (MAXMSGSIZE, high-water marks) is set by who reads it.
"""

from __future__ import annotations

import zmq

from .identity import Identity, curve_public_of

# A stranger who connects and stays mute holds a descriptor so long, and no longer.
HANDSHAKE_MS = 3000
# Any name will do, but without one there is nothing to enforce.
ZAP_DOMAIN = b"jobwire"

_IPV6_LISTENERS = ("tcp://*:", "tcp://[")

Context = zmq.Context[zmq.Socket[bytes]]
Socket = zmq.Socket[bytes]


def new_context() -> Context:
    """Make a context with one I/O thread: what its sockets and their monitors tell then comes in one order."""
    return zmq.Context(io_threads=1)


def server_socket(context: Context, socket_type: int, identity: Identity) -> Socket:
    """Make a socket to bind, that asks `Handshake` about every key.

    While no handler is bound, libzmq 4.3.5 refuses everybody, because ZAP_ENFORCE_DOMAIN is set (without it, everybody would come in).
    Make the handler first all the same: who comes in between waits out the handshake interval before trying again.
    """
    socket = _new_socket(context, socket_type, identity)
    socket.set(zmq.CURVE_SERVER, 1)
    socket.set(zmq.ZAP_DOMAIN, ZAP_DOMAIN)
    socket.set(zmq.ZAP_ENFORCE_DOMAIN, 1)
    return socket


def listen(socket: Socket, endpoint: str) -> str:
    """Bind; say the endpoint as it was asked for, with its real port. `tcp://*:PORT` takes both IPv4 and IPv6 where the machine has them.

    Raises zmq.ZMQError if that is not to be had.
    """
    # Not for other hosts: libzmq would call 127.0.0.1 [::ffff:127.0.0.1] then.
    socket.set(zmq.IPV6, endpoint.startswith(_IPV6_LISTENERS))
    socket.bind(endpoint)
    host, _, _ = endpoint.rpartition(":")
    _, _, port = socket.get_string(zmq.LAST_ENDPOINT).rpartition(":")
    return f"{host}:{port}"


def connect(socket: Socket, endpoint: str) -> None:
    """Connect to an address; nothing is waited for. Of a name libzmq would try one address only, in no bounded time.

    Raises zmq.ZMQError for what is no endpoint.
    """
    socket.set(zmq.IPV6, endpoint.startswith("tcp://["))
    socket.connect(endpoint)


def client_socket(context: Context, socket_type: int, identity: Identity, server_public: bytes) -> Socket:
    """Make a socket to connect; it speaks only to the daemon with the Ed25519 public key `server_public`.

    Raises `Refused(INVALID_ARGUMENT)` for bytes that are no public key.
    """
    server_curve = curve_public_of(server_public)
    socket = _new_socket(context, socket_type, identity)
    socket.set(zmq.CURVE_SERVERKEY, server_curve)
    return socket


def _new_socket(context: Context, socket_type: int, identity: Identity) -> Socket:
    socket = context.socket(socket_type)
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
    socket.set(zmq.CURVE_PUBLICKEY, identity.curve_public)
    socket.set(zmq.CURVE_SECRETKEY, identity.curve_secret)
    return socket
