"""Where a worker listens: the endpoints of its options. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from ..schemas.refusal import Code, Refused

_ENDPOINT = re.compile(r"(?:tcp://)?(?P<host>\[[^\[\]]+\]|[^:\[\]/\s]+):(?P<port>\*|\d{1,5})", re.ASCII)
_LARGEST_PORT = 65_535


def read_endpoint(text: str) -> str:
    """Return an endpoint as `tcp://ADDR:PORT`; `tcp://` may be missing, an IPv6 address is in brackets, the port may be `*` for any.

    Raises Refused(INVALID_ARGUMENT).
    """
    found = _ENDPOINT.fullmatch(text)
    if found is None or not _is_host(found["host"]):
        raise Refused(Code.INVALID_ARGUMENT, f"{text!r} is not an endpoint", "write it like tcp://0.0.0.0:7341 or tcp://[::1]:7341")
    if found["port"] != "*" and int(found["port"]) > _LARGEST_PORT:
        raise Refused(Code.INVALID_ARGUMENT, f"there is no port {found['port']}", f"the largest is {_LARGEST_PORT}")
    return f"tcp://{found['host']}:{found['port']}"


def has_next_port(endpoint: str) -> bool:
    """Return whether there is a port after that of an endpoint, for events."""
    return not endpoint.endswith(f":{_LARGEST_PORT}")


def is_loopback(endpoint: str) -> bool:
    """Return whether only this machine can reach an endpoint that `read_endpoint` returned."""
    try:
        return ipaddress.ip_address(_host_of(endpoint).strip("[]")).is_loopback
    except ValueError:
        return _host_of(endpoint) == "localhost"


def hidden_loopback(endpoint: str, addresses: Iterable[str]) -> str:
    """Return the loopback address that a host name has; empty if it has none, or if the name itself shows that it is loopback.

    Debian writes the machine's own name into /etc/hosts as 127.0.1.1.
    """
    if is_loopback(endpoint):
        return ""
    found = [address for address in addresses if ipaddress.ip_address(address.partition("%")[0]).is_loopback]
    return found[0] if found else ""


def _host_of(endpoint: str) -> str:
    return endpoint.removeprefix("tcp://").rpartition(":")[0]


def _is_host(host: str) -> bool:
    if not host.startswith("["):
        return True
    try:
        ipaddress.IPv6Address(host.strip("[]"))
    except ValueError:
        return False
    return True
