"""Sockets that accept only known keys: CurveZMQ, with keys derived from an identity.

Knows no message and no roster. The limits of a socket (MAXMSGSIZE, high-water marks) are set by the code that reads it.
The private module `_thread` (tests/unit/test_private_parts.py) tells whether threads can be made, without what `threading` keeps of each.
"""

from __future__ import annotations

import _thread
import os
from collections.abc import Callable

import zmq
from zmq import zmq_poll

from ..schemas.refusal import Code, Refused
from . import more_processes
from .files.shortage import demand_descriptors
from .identity import Identity, curve_public_of

# A stranger who connects and stays silent holds a descriptor for this long.
HANDSHAKE_MS = 3000
# A client whose machine or network is gone closes nothing, and nobody sends it anything: its connection would count for ever. So the kernel
# asks it, which costs this process nothing: after a minute of silence, and 90 seconds later it is gone.
_KEEPALIVE = ((zmq.TCP_KEEPALIVE, 1), (zmq.TCP_KEEPALIVE_IDLE, 60), (zmq.TCP_KEEPALIVE_INTVL, 15), (zmq.TCP_KEEPALIVE_CNT, 6))
# Any name will do, but without one there is nothing to enforce.
ZAP_DOMAIN = b"jobwire"

# An enum's `&` takes longer than the look itself.
_POLLIN = int(zmq.POLLIN)
# What a context takes with its first two sockets and a connection: two of them for each of its threads, its own, and one a socket.
_DESCRIPTORS = 10
_THREADS = 2
_IPV6_LISTENERS = ("tcp://*:", "tcp://[")

Context = zmq.Context[zmq.Socket[bytes]]
Socket = zmq.Socket[bytes]


def new_context() -> Context:
    """Return a context with one I/O thread, so that messages and monitor events have one order.

    Raises `Refused(UNAVAILABLE)` if this process may open too few descriptors or create too few threads: libzmq would abort the process.
    """
    _demand_descriptors()
    _demand_threads()
    return zmq.Context(io_threads=1)


def _demand_descriptors() -> None:
    opened: list[int] = []
    try:
        opened.extend(os.eventfd(0, os.EFD_CLOEXEC) for _ in range(_DESCRIPTORS))
    except OSError as error:
        demand_descriptors(error.errno)
        raise
    finally:
        for fd in opened:
            os.close(fd)


def _demand_threads() -> None:
    gate, gone = _thread.allocate_lock(), [_thread.allocate_lock() for _ in range(_THREADS)]
    begun = 0
    gate.acquire()
    try:
        for done in gone:
            done.acquire()
            _thread.start_new_thread(_pass, (gate, done))
            begun += 1
    except RuntimeError:
        what = "the system does not let this process create more threads"
        raise Refused(Code.UNAVAILABLE, what, more_processes.next_step()) from None
    finally:
        gate.release()
        # They must not count any more when libzmq makes its own.
        for done in gone[:begun]:
            done.acquire()


def _pass(gate: _thread.LockType, done: _thread.LockType) -> None:
    """Run in a thread until the gate opens."""
    with gate:
        done.release()


def server_socket(context: Context, socket_type: int, identity: Identity) -> Socket:
    """Return a socket to bind, which asks `Handshake` about every key.

    While no handler is bound, libzmq 4.3.5 refuses everybody, because ZAP_ENFORCE_DOMAIN is set (without it, everybody would come in).
    Make the handler first nevertheless: a client that connects in between waits for the handshake interval before trying again.
    """
    socket = _new_socket(context, socket_type, identity)
    socket.set(zmq.CURVE_SERVER, 1)
    socket.set(zmq.ZAP_DOMAIN, ZAP_DOMAIN)
    socket.set(zmq.ZAP_ENFORCE_DOMAIN, 1)
    for option, value in _KEEPALIVE:
        socket.set(option, value)
    return socket


def listen(socket: Socket, endpoint: str) -> str:
    """Bind, and return the endpoint as requested, with its real port; for a network interface (`tcp://eth0:PORT`), with its address.

    `tcp://*:PORT` means IPv4 and IPv6 if the machine has both.

    Raises zmq.ZMQError if it cannot bind.
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


def whole(make: Callable[[], Socket]) -> Socket:
    """Return a socket that pyzmq creates; if a signal handler raises meanwhile, no descriptor of it stays open.

    A half-made socket is not known to its context, which would wait for ever for it to close, and the traceback of the exception keeps it
    alive. Handlers cannot be delayed where another thread takes the signal.
    """
    try:
        return make()
    except BaseException as error:
        below = error.__traceback__
        while below is not None:
            for value in below.tb_frame.f_locals.values():
                if isinstance(value, zmq.Socket):
                    value.close(linger=0)
            below = below.tb_next
        raise


def readable(socket: Socket) -> bool:
    """Return whether a message can be read now.

    Also makes libzmq look at the socket, which `recv` does not always, and arms ZMQ_FD: it is edge-triggered, see zmq_getsockopt(3).
    """
    # Reads EVENTS. `getsockopt` takes twice as long: it makes an enum member of the number of the option first.
    return bool(zmq_poll([(socket, _POLLIN)], 0))


def _new_socket(context: Context, socket_type: int, identity: Identity) -> Socket:
    try:
        socket = whole(lambda: context.socket(socket_type))
    except zmq.ZMQError as error:
        demand_descriptors(error.errno)
        raise
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
    socket.set(zmq.CURVE_PUBLICKEY, identity.curve_public)
    socket.set(zmq.CURVE_SECRETKEY, identity.curve_secret)
    return socket
