"""Endpoints, `tcp://HOST:PORT`: to connect to, and to listen on. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from .refusal import Code, Refused
from .text.patterns import pattern

_LARGEST_PORT = 65_535
# An IPv6 address is in brackets.
_FORM = pattern(r"(?a)(?:tcp://)?(?P<host>\[[^\[\]\s]+\]|[^:\[\]/\s]+):(?P<port>\*|\d{1,5})")
# A host name, an IPv4 address, or an IPv6 address.
_REACHABLE = pattern(r"(?a)[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?\]")
# 0, 0.0 and 0x0 are addresses too, see inet_aton(3).
_ZERO = pattern(r"(?i)\*|0+(x0+)?(\.0+(x0+)?){0,3}")
_MAYBE_UNSPECIFIED = pattern(r"(?i)[0:.f]+")


def to_connect(text: str) -> str:
    """Return `tcp://HOST:PORT` for that or for `HOST:PORT`.

    Raises `Refused(INVALID_ARGUMENT)` that says how it is written.
    """
    found = _FORM.fullmatch(text.strip())
    if _names_no_host(host_of(text.strip())):
        raise Refused(
            Code.INVALID_ARGUMENT,
            f"{text!r} stands for all addresses of a machine: it can be listened on, but not connected to",
            "use the name or an address of that machine: tcp://lab.example.org:7341",
        )
    if found is not None and not found["host"].isascii():
        raise Refused(Code.INVALID_ARGUMENT, f"{text!r} has a host name with letters beyond ASCII", _in_ascii(found["host"]))
    if found is None or found["port"] == "*" or not _REACHABLE.fullmatch(found["host"]):
        raise Refused(Code.INVALID_ARGUMENT, f"{text!r} is not an endpoint", "write it like tcp://lab.example.org:7341 or tcp://[::1]:7341")
    if not 1 <= int(found["port"]) <= _LARGEST_PORT:
        raise Refused(Code.INVALID_ARGUMENT, f"{found['port']} is not a port", f"ports are numbers from 1 to {_LARGEST_PORT}")
    return f"tcp://{found['host']}:{found['port']}"


def to_connect_here(endpoint: str) -> str:
    """Return an endpoint that a process on this machine listens on as an endpoint to connect to from here.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    host, port = split(endpoint)
    if _names_no_host(host):
        host = "[::1]" if host.startswith("[") else "127.0.0.1"
    return to_connect(f"tcp://{host}:{port}")


def to_listen(text: str) -> str:
    """Return `tcp://ADDRESS:PORT` for that or for `ADDRESS:PORT`.

    ADDRESS may be `*` or a network interface; the port `*` means any free port. Raises `Refused(INVALID_ARGUMENT)` that says how it is
    written.
    """
    found = _FORM.fullmatch(text)
    if found is None or (found["host"].startswith("[") and not _is_ipv6(found["host"].strip("[]"))):
        raise Refused(Code.INVALID_ARGUMENT, f"{text!r} is not an endpoint", "write it like tcp://0.0.0.0:7341 or tcp://[::1]:7341")
    if found["port"] != "*" and int(found["port"]) > _LARGEST_PORT:
        raise Refused(Code.INVALID_ARGUMENT, f"there is no port {found['port']}", f"the largest is {_LARGEST_PORT}")
    return f"tcp://{found['host']}:{found['port']}"


def split(endpoint: str) -> tuple[str, str]:
    """Return host and port of an endpoint; an IPv6 address keeps its brackets. The host is empty if there is no port."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    return host, port


def host_of(endpoint: str) -> str:
    """Return the host of an endpoint."""
    return split(endpoint)[0]


def is_named(endpoint: str) -> bool:
    """Return whether the host of an endpoint is a name rather than an address."""
    host, port = split(endpoint)
    return bool(host and port.isdecimal()) and not host.startswith("[") and not host.replace(".", "").isdecimal()


def has_next_port(endpoint: str) -> bool:
    """Return whether a port follows the one of this endpoint, so that events can use it."""
    return not endpoint.endswith(f":{_LARGEST_PORT}")


def is_taken_by(endpoint: str, other: str) -> bool:
    """Return whether two endpoints of `to_listen` exclude each other: the same port on the same host, or on all hosts.

    Either may be empty, that is, not set.
    """
    (host, port), (other_host, other_port) = split(endpoint), split(other)
    if port in {"", "0", "*"} or port != other_port:
        return False
    return host == other_host or _names_no_host(host) or _names_no_host(other_host)


def is_loopback(endpoint: str) -> bool:
    """Return whether only this machine can reach an endpoint that `to_listen` returned."""
    import ipaddress  # noqa: PLC0415 -- 3 ms that most commands need not wait for

    host = host_of(endpoint)
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def hidden_loopback(endpoint: str, addresses: Iterable[str]) -> str:
    """Return the loopback address behind a host name; empty if the name has none, or the endpoint shows the address itself.

    Debian writes the machine's own name into /etc/hosts as 127.0.1.1.
    """
    import ipaddress  # noqa: PLC0415 -- as above

    if is_loopback(endpoint):
        return ""
    return next((address for address in addresses if ipaddress.ip_address(address.partition("%")[0]).is_loopback), "")


def _names_no_host(host: str) -> bool:
    """Return whether a host is `*`, 0.0.0.0 or [::] in any spelling: libzmq would connect to this machine."""
    if _ZERO.fullmatch(host):
        return True
    plain = host.strip("[]").partition("%")[0]
    if not _MAYBE_UNSPECIFIED.fullmatch(plain):
        return False
    import ipaddress  # noqa: PLC0415 -- as above

    with suppress(ValueError):
        address = ipaddress.ip_address(plain)
        return address.is_unspecified or getattr(address, "ipv4_mapped", None) == ipaddress.IPv4Address(0)
    return False


def _in_ascii(host: str) -> str:
    """Return a host name with non-ASCII letters as DNS encodes it."""
    try:
        return f"write it as it is in DNS: {host.encode('idna').decode()}"
    except UnicodeError:
        return "write it as it is in DNS, where such names begin with xn--"


def _is_ipv6(text: str) -> bool:
    import ipaddress  # noqa: PLC0415 -- as above

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
