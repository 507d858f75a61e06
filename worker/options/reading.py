"""Parse options of a daemon's commands; errors name the option."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import typer

from ...schemas.endpoint import has_next_port, is_taken_by, to_listen
from ...schemas.refusal import Refused

_Value = TypeVar("_Value")
_Written = TypeVar("_Written")


def read_option(parse: Callable[[_Written], _Value], text: _Written, option: str) -> _Value:
    """Return the value of an option, or refuse it with the name of the option."""
    try:
        return parse(text)
    except Refused as refused:
        raise typer.BadParameter(str(refused), param_hint=option) from None


def read_endpoints(listen: str, events: str) -> tuple[str, str]:
    """Return the endpoints for requests and events that the options of a daemon set; empty where they set none."""
    requests = read_option(to_listen, listen, "--listen") if listen else ""
    published = read_option(to_listen, events, "--events") if events else ""
    if is_taken_by(requests, published):
        raise typer.BadParameter(f"{listen} is used for requests; choose another port for events", param_hint="--events")
    if not events and not has_next_port(listen):
        raise typer.BadParameter(f"there is no port after that of {listen}; choose a port for events", param_hint="--events")
    return requests, published
