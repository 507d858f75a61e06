"""Bind an endpoint, or say why that fails, and which option selects another one."""

from __future__ import annotations

import errno
from collections.abc import Callable

import zmq

from ...schemas.refusal import Code, Refused

# The host is wrong, not the port: its address is not one of this machine, or of an unknown kind.
_HOST_PROBLEMS = (errno.EADDRNOTAVAIL, errno.ENODEV, errno.EAFNOSUPPORT, errno.EINVAL, errno.EPROTONOSUPPORT)


class CannotListen(Refused):
    """Raised if an endpoint cannot be bound."""


def bind_events(bind: Callable[[str], str], listen: str, event_listen: str) -> str:
    """Bind the event socket and return its endpoint; errors name `--listen` if no event endpoint was given."""
    return bind_with(bind, event_listen or _next_port(listen), "--events", host_of=("" if event_listen else listen))


def bind_with(bind: Callable[[str], str], endpoint: str, option: str, host_of: str = "") -> str:
    """Call `bind` and return its result; `option` set the endpoint, `host_of` is the other endpoint that set its host, if one did.

    Raises CannotListen(UNAVAILABLE) if it cannot be bound.
    """
    try:
        return bind(endpoint)
    except zmq.ZMQError as error:
        why = zmq.strerror(error.errno or 0)
        step = f"use another with {option}, or end the program that uses it"
        if error.errno in _HOST_PROBLEMS:
            step = f"use an address of this machine with {'--listen' if host_of else option}: ip address shows them"
            if endpoint.startswith("tcp://["):
                why += " (this machine has no such IPv6 address, or no IPv6)"
            elif error.errno == errno.ENODEV:
                why = "its host is neither a name that can be resolved nor an interface of this machine"
            endpoint = host_of or endpoint
        elif error.errno == errno.EACCES:
            # The next port is as low as the one given.
            step = f"ports below 1024 are usually reserved for root; use a higher one with {'--listen' if host_of else option}"
            endpoint = host_of or endpoint
        elif error.errno == errno.EADDRINUSE and host_of and _is_taken(bind, host_of):
            # Events are bound first, but nobody asked for their port.
            endpoint, step = host_of, "use another with --listen, or end the program that uses it"
        raise CannotListen(Code.UNAVAILABLE, f"cannot listen on {endpoint}: {why}", step) from error


def _is_taken(bind: Callable[[str], str], endpoint: str) -> bool:
    try:
        bind(endpoint)
    except zmq.ZMQError as error:
        return error.errno == errno.EADDRINUSE
    # Whoever asks is about to give up: the socket is closed with it.
    return False


def _next_port(endpoint: str) -> str:
    host, _, port = endpoint.rpartition(":")
    return f"{host}:{int(port) + 1}" if port.isdecimal() and int(port) else f"{host}:*"


def endpoint_for_clients(endpoint: str) -> str:
    """Return the endpoint without its host: the client knows the name under which it reaches this machine."""
    return f"tcp://*:{endpoint.rpartition(':')[2]}"
