"""Explain why there is no connection.

To libzmq, a dead host, a worker with another key and a worker that refuses our key look much alike. The events of the monitor distinguish
them; only the answer of the host itself (refused, unknown, no route) needs another attempt.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ....keys.identity import Identity, fingerprint, format_public
from ....schemas.endpoint import host_of, split
from ....schemas.refusal import Code, Refused

if TYPE_CHECKING:
    import socket

_PROBE_SECONDS = 1.0
_CLOSES = (
    "the host is up and accepts connections there, but closes each at once: it is a tunnel or a port forward that does not reach the"
    " worker, or another service"
)
_SILENT = "nothing answered at all: the host is down, or a firewall drops what is sent to it"
# How a peer that speaks ZMTP begins.
_ZMTP = b"\xff"
# Stands for the greeting of one that ends each connection without any.
_ENDED = b"\0"
# A worker that hangs lets each handshake run into its time limit: within that of a connection, no more than two fail.
_FAILS_AT_ONCE = 4


class Sight:
    """What the monitor observed of the other end, as counts."""

    __slots__ = ("connected", "failed_handshakes", "tried_again", "unknown_name")

    def __init__(self) -> None:
        self.tried_again = 0
        self.connected = 0
        self.failed_handshakes = 0
        # Why the host name has no address; empty if it has one.
        self.unknown_name = ""


def _unknown() -> bool:
    return False


def no_connection(
    endpoint: str, server_key: bytes, seconds: float, sight: Sight, *, private: bool = False, is_other_port: Callable[[], bool] = _unknown
) -> Refused:
    """Return why there was no connection within `seconds`. `private`: to this user's own worker, whose key cannot be wrong.

    `is_other_port` checks whether this is the other port of the trusted worker, the one for events instead of requests.
    """
    no_answer = f"no connection to {endpoint} within {seconds:g} s: "
    if private and (sight.failed_handshakes or sight.connected):
        return Refused(
            Code.UNAVAILABLE,
            f"{no_answer}your private worker is running but does not answer: it hangs or is overloaded",
            "jobwire worker status shows its pid; after kill -9 of that pid its jobs continue, and the next command starts it again",
        )
    if sight.unknown_name:
        host = host_of(endpoint)
        return Refused(
            Code.UNAVAILABLE,
            f"{no_answer}the name {host} cannot be resolved ({sight.unknown_name})",
            "check the name with getent hosts, or use an address instead",
        )
    if sight.failed_handshakes or sight.connected:
        # How far a connection got before its time was over depends on who was scheduled first, so the listener is asked what it is.
        try:
            return _no_handshake(no_answer, _says_first(endpoint), server_key, sight, is_other_port)
        except (OSError, ValueError) as error:
            return _gone(no_answer, host_of(endpoint).strip("[]"), error)
    if sight.tried_again:
        return Refused(
            Code.UNAVAILABLE,
            f"{no_answer}{_ask_host(endpoint)}; neither the worker's key nor yours was checked",
            "check the address, and on that machine whether the worker is running: jobwire worker status",
        )
    return Refused(
        Code.UNAVAILABLE,
        f"{no_answer}{_SILENT}; neither the worker's key nor yours was checked",
        "check the address, the network, and whether the host is up",
    )


def no_events(endpoint: str, refused: Refused) -> Refused:
    """Return an explanation that requests get through but events do not, which come from another port."""
    port = endpoint.rpartition(":")[2]
    return Refused(
        Code.UNAVAILABLE,
        f"requests get through to the worker, but its events, which come from port {port}, do not: {refused.message}",
        f"open port {port} too, in the firewall or the tunnel (ssh -L {port}:localhost:{port}); run, wait and logs work without events",
    )


def key_refused(endpoint: str, identity: Identity) -> Refused:
    """Return an explanation that this key is not accepted there.

    It may not come from the trusted worker: libzmq accepts a refusal from a peer that has not proven its key yet.
    """
    if identity.acts_for:
        message = "the worker no longer accepts the key of this job: the job has ended, or its owner is no longer on the roster"
        return Refused(Code.UNAUTHENTICATED, message, "use a context of your own: jobwire --context NAME")
    public = identity.public
    return Refused(
        Code.UNAUTHENTICATED,
        f"the worker at {endpoint} is up, but does not let your key in ({fingerprint(public)})",
        f"have it added to the roster there: jobwire keys add NAME {format_public(public)} --role ROLE",
    )


def lost(endpoint: str) -> str:
    """Return that a connection is lost, and what happens next."""
    return f"the connection to {endpoint} is lost; waiting for it to come back (jobs continue)"


def back(endpoint: str) -> str:
    """Return that a lost connection is back."""
    return f"connected to {endpoint} again"


def silent(kind: str, endpoint: str, seconds: float) -> str:
    """Return that a connection is not lost, but nothing arrives; `kind`: a worker or a broker."""
    return f"no response from the {kind} at {endpoint} for {seconds:.0f} s; waiting for it (jobs continue)"


def answers(kind: str, endpoint: str) -> str:
    """Return that a silent peer responds again."""
    return f"the {kind} at {endpoint} answers again"


def silent_behind(worker: str, endpoint: str, seconds: float) -> str:
    """Return that a broker responds, but a worker behind it does not."""
    return f"no response from worker {worker} for {seconds:.0f} s; the broker at {endpoint} waits for it (jobs continue)"


def answers_behind(worker: str, endpoint: str) -> str:
    """Return that the worker of a broker responds again."""
    return f"worker {worker} answers the broker at {endpoint} again"


def unanswering(kind: str, endpoint: str) -> str:
    """Return that somebody does not answer who is not waited for any longer."""
    return f"the {kind} at {endpoint} does not answer"


def unanswering_behind(workers: Sequence[str], endpoint: str) -> str:
    """Return the same about workers behind a broker, which does answer."""
    who = f"worker {workers[0]} does" if len(workers) == 1 else f"workers {', '.join(workers)} do"
    return f"{who} not answer the broker at {endpoint}"


def _gone(no_answer: str, host: str, error: OSError | ValueError) -> Refused:
    """Return what it means that a host accepted a connection and then makes another one fail in this way."""
    if isinstance(error, ConnectionRefusedError):
        return Refused(
            Code.UNAVAILABLE,
            f"{no_answer}the host accepted a connection a moment ago and refuses it now: the worker has ended, or is being restarted",
            "try again in a moment; if it stays so, check on that machine whether the worker is running: jobwire worker status",
        )
    what = "nothing answers at all" if isinstance(error, TimeoutError) else f"the connection fails ({_reason(error)})"
    return Refused(
        Code.UNAVAILABLE,
        f"{no_answer}the host accepted a connection a moment ago, and now {what}: the line is cut or loses much, the host went down, or a"
        " firewall drops what is sent to it; neither the worker's key nor yours was checked",
        f"try again in a moment; if it stays so, check the network and whether the host is up: ping {host}",
    )


def _no_handshake(no_answer: str, greeting: bytes, server_key: bytes, sight: Sight, is_other_port: Callable[[], bool]) -> Refused:
    """Return why handshakes fail. A worker with another key ends each at once; one that hangs is silent, or lets them time out."""
    if greeting == b"":
        return Refused(
            Code.UNAVAILABLE,
            f"{no_answer}the host is up and accepts connections there, but nothing answers: the worker is suspended or hangs, or what"
            " listens is not a jobwire worker; neither its key nor yours was checked",
            "check on that machine whether it answers: jobwire worker status",
        )
    if greeting == _ENDED:
        return Refused(
            Code.UNAVAILABLE,
            f"{no_answer}{_CLOSES}; neither the worker's key nor yours was checked",
            "check where the tunnel leads, and on that machine whether the worker is running: jobwire worker status",
        )
    if not greeting.startswith(_ZMTP):
        return _no_worker(no_answer)
    if sight.failed_handshakes >= _FAILS_AT_ONCE:
        if is_other_port():
            return Refused(
                Code.UNAVAILABLE,
                f"{no_answer}it is the trusted worker, but that port is the other one: a worker has one for requests and one for events",
                "use the endpoint that this prints on that machine: jobwire worker status (or: jobwire broker status)",
            )
        return Refused(
            Code.UNAVAILABLE,
            f"{no_answer}a worker or broker answers there, but refuses every handshake at once: its key is not the trusted one"
            f" ({fingerprint(server_key)})",
            "compare it with the key that this prints on that machine: jobwire worker status (or: jobwire broker status); set the right one"
            " with: jobwire context add --force NAME ENDPOINT --key KEY",
        )
    return Refused(
        Code.UNAVAILABLE,
        f"{no_answer}the host is up and something answers there, but the handshake fails: the worker hangs or is"
        f" overloaded, the line is slow or loses much, or its key is not the trusted one ({fingerprint(server_key)}); a worker that refused"
        " your key would have said so",
        "check on that machine whether it answers, and compare the key: jobwire worker status; a slow line may need more attempts",
    )


def _no_worker(no_answer: str) -> Refused:
    return Refused(
        Code.UNAVAILABLE,
        f"{no_answer}the host is up and accepts connections there, but what listens is not a jobwire worker; neither its key nor yours"
        " was checked",
        "check host and port",
    )


def _says_first(endpoint: str) -> bytes:
    """Return the first bytes of a listener; empty: nothing in time. _ENDED: it closed the connection.

    In ZMTP (RFC 23) they are sent before keys are checked. Raises OSError if there is no connection, TimeoutError if the host did not
    respond.
    """
    try:
        asked = _connect(endpoint)
    except ConnectionResetError:
        # Before connect(2) had told that there is one.
        return _ENDED
    with asked:
        try:
            return asked.recv(len(_ZMTP)) or _ENDED
        except ConnectionResetError:
            return _ENDED
        except TimeoutError:
            return b""


def _connect(endpoint: str) -> socket.socket:
    import socket  # noqa: PLC0415 -- only where something is wrong

    host, port = split(endpoint)
    address, _, interface = host.strip("[]").partition("%")
    if not interface:
        return socket.create_connection((address, int(port)), _PROBE_SECONDS)
    # The resolver takes the name of an interface only with a link-local address, libzmq with any.
    asked = socket.socket(socket.AF_INET6)
    try:
        asked.settimeout(_PROBE_SECONDS)
        asked.connect((address, int(port), 0, socket.if_nametoindex(interface)))
    except BaseException:
        asked.close()
        raise
    return asked


def _reason(error: OSError | ValueError) -> object:
    return getattr(error, "strerror", None) or error


def _about_ipv6(address: str, error: OSError | ValueError) -> str:
    """Return what the kernel's answer means for an IPv6 address."""
    number = getattr(error, "errno", None)
    if ":" not in address:
        return ""
    if number == errno.EINVAL and address.lower().startswith("fe80:"):
        return f": a link-local address needs the name of an interface, as in tcp://[{address}%eth0]"
    has_none = number in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENETUNREACH}
    return ": this machine has no IPv6, or no route to that address" if has_none else ""


def _ask_host(endpoint: str) -> str:
    """Return the kernel's answer to one more attempt, which libzmq hides."""
    import socket  # noqa: PLC0415 -- only where something is wrong

    host = host_of(endpoint)
    try:
        said = _says_first(endpoint)
    except socket.gaierror as error:
        return f"the name {host} cannot be resolved ({error.strerror})"
    except ConnectionRefusedError:
        return "the host is up but refuses the connection: nothing listens on that port"
    except TimeoutError:
        return _SILENT
    except (OSError, ValueError) as error:
        return f"the connection fails ({_reason(error)}){_about_ipv6(host.strip('[]').partition('%')[0], error)}"
    return _CLOSES if said == _ENDED else "the connection failed until now, but something listens there now"
