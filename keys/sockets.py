"""Sockets that accept only known keys: CurveZMQ, with keys derived from an identity.

Knows no message and no roster. The limits of a socket (MAXMSGSIZE, high-water marks) are set by the code that reads it.
"""

from __future__ import annotations

import zmq
from zmq import zmq_poll

from .identity import Identity, curve_public_of

# A stranger who connects and stays silent holds a descriptor for this long.
HANDSHAKE_MS = 3000
# Any name will do, but without one there is nothing to enforce.
ZAP_DOMAIN = b"jobwire"

# An enum's `&` takes longer than the look itself.
_POLLIN = int(zmq.POLLIN)
_IPV6_LISTENERS = ("tcp://*:", "tcp://[")

Context = zmq.Context[zmq.Socket[bytes]]
Socket = zmq.Socket[bytes]


def new_context() -> Context:
    """Return a context with one I/O thread, so that messages and monitor events have one order."""
    return zmq.Context(io_threads=1)


def server_socket(context: Context, socket_type: int, identity: Identity) -> Socket:
    """Return a socket to bind, which asks `Handshake` about every key.

    While no handler is bound, libzmq 4.3.5 refuses everybody, because ZAP_ENFORCE_DOMAIN is set (without it, everybody would come in).
    Make the handler first nevertheless: a client that connects in between waits for the handshake interval before trying again.
    """
    socket = _new_socket(context, socket_type, identity)
    socket.set(zmq.CURVE_SERVER, 1)
    socket.set(zmq.ZAP_DOMAIN, ZAP_DOMAIN)
    socket.set(zmq.ZAP_ENFORCE_DOMAIN, 1)
    return socket


def listen(socket: Socket, endpoint: str) -> str:
    """Bind, and return the endpoint as requested, with its real port; of an interface (`tcp://eth0:PORT`), with its address.

    `tcp://*:PORT` means IPv4 and IPv6 if the machine has them.

    Raises zmq.ZMQError if that is not possible.
    """
    from socket import if_nameindex  # noqa: PLC0415 -- clients listen nowhere

    # Not for other hosts: libzmq would call 127.0.0.1 [::ffff:127.0.0.1] then.
    socket.set(zmq.IPV6, endpoint.startswith(_IPV6_LISTENERS))
    socket.bind(endpoint)
    host, _, _ = endpoint.rpartition(":")
    address, _, port = socket.get_string(zmq.LAST_ENDPOINT).rpartition(":")
    if host.removeprefix("tcp://") in {name for _, name in if_nameindex()}:
        # Elsewhere nobody knows it by that name.
        host = address
    return f"{host}:{port}"


def connect(socket: Socket, endpoint: str) -> None:
    """Connect to an address without waiting. For a name, libzmq would try one address only, without a time limit.

    Raises zmq.ZMQError for an invalid endpoint.
    """
    socket.set(zmq.IPV6, endpoint.startswith("tcp://["))
    socket.connect(endpoint)


def client_socket(context: Context, socket_type: int, identity: Identity, server_public: bytes) -> Socket:
    """Return a socket to connect, which accepts only the worker with the Ed25519 public key `server_public`.

    Raises `Refused(INVALID_ARGUMENT)` for bytes that are not a public key.
    """
    server_curve = curve_public_of(server_public)
    socket = _new_socket(context, socket_type, identity)
    socket.set(zmq.CURVE_SERVERKEY, server_curve)
    return socket


def readable(socket: Socket) -> bool:
    """Return whether a message can be read now.

    Also makes libzmq look at the socket, which `recv` does not always, and arms ZMQ_FD: it is edge-triggered, see zmq_getsockopt(3).
    """
    # Reads EVENTS. `getsockopt` takes twice as long: it makes an enum member of the number of the option first.
    return bool(zmq_poll([(socket, _POLLIN)], 0))


def _new_socket(context: Context, socket_type: int, identity: Identity) -> Socket:
    socket = context.socket(socket_type)
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
    socket.set(zmq.CURVE_PUBLICKEY, identity.curve_public)
    socket.set(zmq.CURVE_SECRETKEY, identity.curve_secret)
    return socket
