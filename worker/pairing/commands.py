"""What the commands about tokens and brokers print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from ...broker.store.kept import unsettled
from ...keys.members.roster_text import invited_role_problem, name_problem
from ...keys.pairing.token import Token
from ...schemas.endpoint import to_connect
from ...schemas.jobs.worker_labels import parse_label
from ...schemas.refusal import Code, Refused
from ...schemas.text.printable import printable
from ..state import layout
from . import joined
from .invite import invite, parse_valid


def print_token(
    found: Mapping[str, Any], name: str, role: str, valid: str, endpoint: str, slots: int = 0, labels: Sequence[str] = ()
) -> None:
    """Print a token for the daemon with this description. Raises Refused, and BadParameter for a mistake in an option."""
    for problem, option in ((name and name_problem(name), "--as"), (invited_role_problem(role), "--role")):
        if problem:
            raise typer.BadParameter(problem, param_hint=option)
    valid_ms = _read("--valid", parse_valid, valid)
    for label in labels:
        _read("--label", parse_label, label)
    wanted = Token(_read("--endpoint", to_connect, endpoint) if endpoint else "", b"", b"", role, slots=slots, labels=tuple(labels))
    text, sentences = invite(found, wanted, name, valid_ms)
    typer.echo(text)
    for sentence in sentences:
        typer.echo(printable(f"jobwire: {sentence}"), err=True)


def leave_broker(state: Path, roster: Path, *, force: bool) -> str:
    """Leave the broker, and return what was done. Raises Refused."""
    if not force and (jobs := unsettled(state / layout.STORE)):
        message = f"{jobs} {'jobs' if jobs > 1 else 'job'} of the broker {'are' if jobs > 1 else 'is'} here, whose end it does not know yet"
        next_step = "drain this worker at the broker, and wait until it is empty; or add --force, and they are shown as unreachable there"
        raise Refused(Code.FAILED_PRECONDITION, message, next_step)
    broker = joined.leave(state, roster)
    return f"left the broker at {broker.endpoint}; there, jobwire broker remove takes this worker off its list"


def _read(option: str, parse: Any, text: str) -> Any:
    try:
        return parse(text)
    except Refused as refused:
        raise typer.BadParameter(str(refused), param_hint=option) from None
