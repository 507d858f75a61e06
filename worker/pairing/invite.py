"""`jobwire worker invite`, `jobwire broker invite`: a token for another machine. Edits the roster of a daemon that runs here."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...keys.identity import KEY_BYTES, parse_public
from ...keys.pairing import invitations, token
from ...keys.pairing.token import Token
from ...schemas.clock import wall_us
from ...schemas.endpoint import is_loopback, split, to_connect
from ...schemas.refusal import Code, Refused
from ...schemas.text.durations import format_duration, parse_duration
from ...schemas.workers.host_name import host_name

_LONGEST_MS = 7 * 86_400_000
# TEST-NET-1 of RFC 5737: nothing is sent there.
_ELSEWHERE = ("192.0.2.1", 9)


def invite(found: Mapping[str, Any], wanted: Token, name: str, valid_ms: int) -> tuple[str, list[str]]:
    """Return a token for the daemon with this description, and sentences about it. `wanted` has all fields except the keys.

    Raises Refused.
    """
    if not found.get("pairs"):
        message = f"the {found.get('kind', 'worker')} that is running is of an older version, which does not support tokens"
        raise Refused(Code.FAILED_PRECONDITION, message, "start it again, or run jobwire worker reload; its jobs continue")
    endpoint = to_connect(wanted.endpoint) if wanted.endpoint else where_reachable(str(found["endpoint"]))
    made = replace(wanted, endpoint=endpoint, daemon=parse_public(str(found["key"])), seed=os.urandom(KEY_BYTES), called=_called())
    now_us = wall_us()
    until_us = now_us + valid_ms * 1000
    invitations.invite(Path(str(found["roster"])), made.temporary.public, made.role, until_us, now_us, name=name)
    until = time.strftime("%H:%M", time.localtime(until_us // 1_000_000))
    who = name or ("a machine" if made.is_for_machine else "who uses it")
    command = "jobwire worker run --join -" if made.is_for_machine else "jobwire join -"
    sentences = [
        f"{who} can join once at {endpoint}, with the role {made.role}, for {format_duration(valid_ms / 1000)} (until {until})",
        f"on the other machine: {command}, and paste the token there; keep it secret until then",
    ]
    if is_loopback(endpoint):
        sentences.append("only this machine can reach that endpoint: listen at tcp://0.0.0.0:PORT, or give --endpoint tcp://HOST:PORT")
    return token.write(made), sentences


def where_reachable(listens: str) -> str:
    """Return the endpoint at which other machines reach a daemon that listens there."""
    return reachable(listens, _address())


def reachable(listens: str, address: str) -> str:
    """Return the endpoint at which other machines reach a daemon that listens there; `address` of this machine replaces `*`."""
    try:
        return to_connect(listens)
    except Refused:
        pass
    _, port = split(listens)
    return to_connect(f"tcp://{f'[{address}]' if ':' in address else address}:{port}")


def _address() -> str:
    """Return the address from which this machine connects to others; its name if it has no route to any."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(_ELSEWHERE)
        except OSError:
            return host_name()
        return str(asked.getsockname()[0])


def _called() -> str:
    """Return a name for this machine that is valid for a context."""
    name = host_name().partition(".")[0]
    return name if all(character.isalnum() or character in "_-" for character in name) and name.isascii() else ""


def parse_valid(text: str) -> int:
    """Return how long a token is valid, in milliseconds.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    valid_ms = parse_duration(text)
    if 1000 <= valid_ms <= _LONGEST_MS:  # noqa: PLR2004 -- a second
        return valid_ms
    raise Refused(Code.INVALID_ARGUMENT, "a token can be valid for 1 second to 7 days", "write it like 10m, 2h")
