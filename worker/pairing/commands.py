"""Common parts of the commands about tokens and brokers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from ...broker.store.kept import unsettled
from ...keys.identity import parse_public
from ...keys.members.roster_text import invited_role_problem, name_problem
from ...keys.pairing.given import read_given
from ...keys.pairing.token import Token
from ...schemas.endpoint import to_connect
from ...schemas.refusal import Code, Refused
from ...schemas.text.printable import printable
from ...schemas.workers.labels import parse_label
from .. import root_jobs
from ..options.reading import read_option
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
    valid_ms = read_option(parse_valid, valid, "--valid")
    for label in labels:
        read_option(parse_label, label, "--label")
    wanted = Token(read_option(to_connect, endpoint, "--endpoint") if endpoint else "", b"", b"", role, slots=slots, labels=tuple(labels))
    text, sentences = invite(found, wanted, name, valid_ms)
    typer.echo(text)
    for sentence in sentences:
        typer.echo(printable(f"jobwire: {sentence}"), err=True)


def use_broker(settings: dict[str, Any], join: str, key: str, vouch: str, slots: int | None) -> None:
    """Join the broker of a token or an endpoint, or else the one joined before, and add it to the settings of a worker.

    `vouch`: the role of clients that only the broker knows. Raises Refused, and BadParameter for a mistake in an option.
    """
    state, roster = Path(settings["state"]), Path(settings["roster"])
    broker = joined.remembered(state)
    if join == "-" or join.startswith(("@", "jobwire-join-")):
        broker = joined.join_with(read_option(read_given, join, "--join"), state, roster, vouch, as_root=settings["jobs_as_root"])
        typer.echo(printable(f"jobwire: joined the broker at {broker.endpoint}; from now on, jobwire worker run is enough"), err=True)
    elif join:
        endpoint = read_option(_endpoint, join, "--join")
        if not key:
            message = f"missing; it is the key that jobwire broker status prints on the machine of {endpoint}; a token needs none"
            raise typer.BadParameter(message, param_hint="--broker-key")
        public = read_option(parse_public, key, "--broker-key")
        same = broker if broker is not None and broker.key == key else joined.Broker(endpoint, key)
        broker = replace(same, endpoint=endpoint, as_root=same.as_root or settings["jobs_as_root"])
        joined.demand_only(state, broker)
        root_jobs.demand_for_broker(endpoint, intended=broker.as_root)
        joined.trust(roster, public, vouch)
        joined.remember(state, broker)
    if broker is not None:
        settings |= {"join": broker.endpoint, "broker_key": broker.key, "labels": {**broker.labels, **settings["labels"]}}
        settings["slots"] = slots or broker.slots or settings["slots"]
        # It was said when the broker was joined; not for clients that connect to this worker itself.
        settings["jobs_as_root"] = settings["jobs_as_root"] or (broker.as_root and not settings["listen"])


def _endpoint(text: str) -> str:
    """Return the endpoint of a broker. Raises Refused for one, and for something that is not even meant to be one."""
    if ":" not in text:
        message = f"{text!r} is neither a token nor an endpoint"
        raise Refused(Code.INVALID_ARGUMENT, message, "copy the whole token that jobwire broker invite prints, or write tcp://HOST:PORT")
    return to_connect(text)


def leave_broker(state: Path, roster: Path, *, force: bool) -> str:
    """Leave the broker, and return what was done. Raises Refused."""
    if not force and (jobs := unsettled(state / layout.STORE)):
        message = f"{jobs} {'jobs' if jobs > 1 else 'job'} of the broker {'are' if jobs > 1 else 'is'} here, whose end it does not know yet"
        next_step = "drain this worker at the broker, and wait until it is empty; or add --force, and they are shown as unreachable there"
        raise Refused(Code.FAILED_PRECONDITION, message, next_step)
    broker = joined.leave(state, roster)
    return f"left the broker at {broker.endpoint}; there, jobwire broker remove takes this worker off its list"
