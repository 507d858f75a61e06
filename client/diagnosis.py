"""Say in words why there is no connection.

To libzmq a dead host, a daemon with another key and a daemon that refuses ours look much alike. What the monitor saw tells them
apart, except that the host's own answer (refused, unknown, no route) must be asked for once more.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..keys.identity import fingerprint, format_public
from ..schemas.refusal import Code, Refused

_PROBE_SECONDS = 1.0


@dataclass(slots=True)
class Sight:
    """What the monitor saw of the other end: how often what happened."""

    tried_again: int = 0
    connected: int = 0
    failed_handshakes: int = 0
    # Why the host's name has no address; empty: it has one.
    unknown_name: str = ""


def no_connection(endpoint: str, server_key: bytes, seconds: float, sight: Sight, *, private: bool = False) -> Refused:
    """Explain a connection that did not come about within `seconds`; `private`: to this user's own worker, whose key cannot be wrong."""
    no_answer = f"no connection to {endpoint} within {seconds:g} s: "
    if private and (sight.failed_handshakes or sight.connected):
        return Refused(
            Code.UNAVAILABLE,
            f"{no_answer}your private worker runs and does not answer: it hangs or is overloaded",
            "jobwire worker status tells its pid; if you kill -9 that, its jobs go on, and the next command starts it again",
        )
    if sight.unknown_name:
        host = endpoint.removeprefix("tcp://").rpartition(":")[0]
        return Refused(
            Code.UNAVAILABLE,
            f"{no_answer}the name {host} cannot be resolved ({sight.unknown_name})",
            "check the name: getent hosts shows what this machine knows of it; or write an address in its place",
        )
    if sight.failed_handshakes:
        return Refused(
            Code.UNAVAILABLE,
            f"{no_answer}the host is up and something answers there, but the handshake fails, as it does when the daemon hangs or is"
            f" overloaded, or when its key is another than the trusted one ({fingerprint(server_key)}); a daemon that refused your"
            " key would have said so",
            "look there whether it answers, and compare the key: jobwire worker status on that machine",
        )
    if sight.connected:
        return Refused(
            Code.UNAVAILABLE,
            f"{no_answer}the host is up and takes connections there, but what listens does not speak as a jobwire daemon does;"
            " neither its key nor yours came into play",
            "check host and port, and what listens there",
        )
    if sight.tried_again:
        return Refused(
            Code.UNAVAILABLE,
            f"{no_answer}{_ask_host(endpoint)}; neither the daemon's key nor yours came into play",
            "check the address, and whether the daemon runs: jobwire worker status on that machine",
        )
    return Refused(
        Code.UNAVAILABLE,
        f"{no_answer}nothing answered at all: the host is down, or a firewall drops what is sent to it; neither the daemon's key nor"
        " yours came into play",
        "check the address, the network, and whether the host is up",
    )


def no_events(endpoint: str, refused: Refused) -> Refused:
    """Explain that requests get through and events do not: they come from another port."""
    port = endpoint.rpartition(":")[2]
    return Refused(
        Code.UNAVAILABLE,
        f"requests get through to the daemon, but its events, which come from port {port}, do not: {refused.message}",
        f"open port {port} too, in the firewall or the tunnel (ssh -L {port}:localhost:{port}); run, wait and logs do without events",
    )


def key_refused(endpoint: str, public: bytes) -> Refused:
    """Explain a daemon that is reached and is the right one, and does not let this key in."""
    return Refused(
        Code.UNAUTHENTICATED,
        f"the daemon at {endpoint} is up and is the trusted one, but does not let your key in ({fingerprint(public)})",
        f"have it added to the roster there: jobwire keys add NAME {format_public(public)} --role ROLE",
    )


def lost(endpoint: str) -> str:
    """Say that a connection is gone, and what happens now."""
    return f"the connection to {endpoint} is lost; waiting for it to come back (the jobs go on)"


def back(endpoint: str) -> str:
    """Say that a lost connection is there again."""
    return f"connected to {endpoint} again"


def _ask_host(endpoint: str) -> str:
    """Connect once by hand, as libzmq does not tell what the kernel said. It failed at once before, so this does not take long."""
    import socket  # noqa: PLC0415 -- only where something is wrong

    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    address, _, interface = host.strip("[]").partition("%")
    try:
        if interface:
            # The resolver takes the name of an interface only with a link-local address, libzmq with any.
            with socket.socket(socket.AF_INET6) as asked:
                asked.settimeout(_PROBE_SECONDS)
                asked.connect((address, int(port), 0, socket.if_nametoindex(interface)))
        else:
            socket.create_connection((address, int(port)), _PROBE_SECONDS).close()
    except socket.gaierror as error:
        return f"the name {host} cannot be resolved ({error.strerror})"
    except ConnectionRefusedError:
        return "the host is up and refuses the connection: no daemon listens on that port"
    except (OSError, ValueError) as error:
        return f"the connection fails ({getattr(error, 'strerror', None) or error})"
    return "the connection failed until a moment ago, now something listens there"
