"""Where a worker listens: reads the endpoints that it is told. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from ..schemas.refusal import Code, Refused

_ENDPOINT = re.compile(r"(?:tcp://)?(?P<host>\[[^\[\]]+\]|[^:\[\]/\s]+):(?P<port>\*|\d{1,5})", re.ASCII)
_LARGEST_PORT = 65_535


def read_endpoint(text: str) -> str:
    """Read `tcp://ADDR:PORT`, an IPv6 address in brackets, `*` for any port; get it with `tcp://`. Raises Refused(INVALID_ARGUMENT)."""
    found = _ENDPOINT.fullmatch(text)
    if found is None or not _is_host(found["host"]):
        raise Refused(Code.INVALID_ARGUMENT, f"{text!r} is not an endpoint", "write it like tcp://0.0.0.0:7341 or tcp://[::1]:7341")
    if found["port"] != "*" and int(found["port"]) > _LARGEST_PORT:
        raise Refused(Code.INVALID_ARGUMENT, f"there is no port {found['port']}", f"the largest is {_LARGEST_PORT}")
    return f"tcp://{found['host']}:{found['port']}"


def has_next_port(endpoint: str) -> bool:
    """Tell whether there is a port after that of an endpoint, for events."""
    return not endpoint.endswith(f":{_LARGEST_PORT}")


def is_loopback(endpoint: str) -> bool:
    """Tell whether only this machine can reach an endpoint that `read_endpoint` gave."""
    try:
        return ipaddress.ip_address(_host_of(endpoint).strip("[]")).is_loopback
    except ValueError:
        return _host_of(endpoint) == "localhost"


def hidden_loopback(endpoint: str, addresses: Iterable[str]) -> str:
    """Say which address a name stands for that only this machine can reach; empty if it is none, or the name says so itself.

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
