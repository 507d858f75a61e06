"""The workers that a user knows by name, in `contexts.toml`.

A context is an endpoint, the worker's pinned public key, and the identity to use. If none is configured, or the name is `embedded`, it is
the private worker of this user. Knows no socket; how the file is written: contexts_file.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from ...keys.files.user_folders import worker_folder
from ...keys.identity import format_public
from ...schemas.endpoint import to_connect
from ...schemas.refusal import Code, Refused
from ...schemas.text.patterns import pattern
from ..sockets.addressee import EMBEDDED, Context
from . import job_context
from .contexts_file import NONE, edit, read

__all__ = [
    "CONTEXT_VARIABLE",
    "EMBEDDED",
    "Context",
    "NoneInUse",
    "add",
    "current_name",
    "list_contexts",
    "remove",
    "resolve",
    "resolve_running",
    "use",
]


CONTEXT_VARIABLE = "JOBWIRE_CONTEXT"

_NAME = pattern(r"(?a)[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class NoneInUse(Refused):
    """Raised after the context in use was removed and no other was chosen: nothing may run elsewhere unnoticed."""

    def __init__(self, known: Iterable[str]) -> None:
        names = ", ".join([*known, f"{EMBEDDED} (your private worker)"])
        super().__init__(
            Code.FAILED_PRECONDITION,
            "no context is in use, because the one in use was removed",
            f"choose one with jobwire context use NAME, or for one command with jobwire --context NAME: {names}",
        )


def current_name() -> str:
    """Return the name of the current context: `$JOBWIRE_CONTEXT`, else that of this job, the one in use, or the private worker.

    It is empty after the one in use was removed, until another is chosen.
    """
    return _named(None) or read()[0]


def _named(name: str | None) -> str:
    """Return the selected context; empty if that depends on which one is in use."""
    return name or os.environ.get(CONTEXT_VARIABLE) or (job_context.OF_THIS_JOB if job_context.is_here() else "")


def find(name: str | None = None) -> Context | None:
    """Return a context by name, or the current one; None for the private worker. Starts nothing.

    Raises `Refused`: NOT_FOUND for an unknown name, NoneInUse if none is chosen, and as `job_context.resolve` does.
    """
    name = _named(name)
    if name == job_context.OF_THIS_JOB:
        # Whatever the user of the job has configured.
        return job_context.resolve()
    current, contexts = read()
    name = name or current
    if name == EMBEDDED:
        return None
    if name == NONE:
        raise NoneInUse(contexts)
    if name not in contexts:
        raise _no_such(name)
    return contexts[name]


def resolve(name: str | None = None) -> Context:
    """Return a context by name, or the current one. Starts the private worker if it is selected and not running.

    Raises `Refused`: as `find` does, and `ensure` in private_worker/.
    """
    if (found := find(name)) is not None:
        return found
    from ..private_worker.ensure import ensure  # noqa: PLC0415 -- who speaks to another worker need not wait for it

    return ensure()


def resolve_running(name: str | None = None) -> Context | None:
    """Return a context as `resolve` does; None for the private worker if it is not running, which is not started.

    Raises `Refused`.
    """
    name = _named(name)
    if name == job_context.OF_THIS_JOB:
        return job_context.resolve()
    current, contexts = read()
    name = name or current
    if name == EMBEDDED:
        from ..private_worker.running import ready  # noqa: PLC0415 -- as above

        return ready(worker_folder())
    return contexts.get(name)


def _no_such(name: str) -> Refused:
    return Refused(Code.NOT_FOUND, f"there is no context {name!r}", "jobwire context list shows all contexts, jobwire context add adds one")


def list_contexts() -> tuple[Context, ...]:
    """Return the configured contexts in the order of the file, without the private worker, which always exists."""
    return tuple(read()[1].values())


def add(name: str, endpoint: str, server_key: bytes, *, replace: bool = False) -> bool:
    """Add a context; the first one becomes the current one. Return whether the new one is current.

    `replace`: an existing context of this name gets this endpoint and key, and keeps its identity and its place.

    Raises `Refused`: ALREADY_EXISTS for a name in use, INVALID_ARGUMENT for an invalid one.
    """
    check_name(name)
    whole = to_connect(endpoint)
    with edit() as document:
        tables = document.setdefault("contexts", {})
        if name in tables:
            if not replace:
                raise Refused(Code.ALREADY_EXISTS, f"the context {name!r} already exists", "add --force to replace it")
            tables[name]["endpoint"], tables[name]["key"] = whole, format_public(server_key)
            return document.get("current") == name
        tables[name] = {"endpoint": whole, "key": format_public(server_key)}
        if len(tables) > 1 or document.get("current", NONE) != NONE:
            return document.get("current") == name
        document["current"] = name
        return True


def check_name(name: str) -> None:
    """Raise `Refused(INVALID_ARGUMENT)` for a name that no context can have."""
    if name == EMBEDDED:
        raise Refused(Code.INVALID_ARGUMENT, f"the name {EMBEDDED!r} is reserved for your private worker", "choose another name")
    if not _NAME.fullmatch(name):
        raise Refused(Code.INVALID_ARGUMENT, f"{name!r} is not a valid name for a context", "use letters, digits and _.- only")


def use(name: str) -> None:
    """Make a context the current one.

    Raises `Refused(NOT_FOUND)`.
    """
    with edit() as document:
        if name != EMBEDDED and name not in document.get("contexts", {}):
            raise _no_such(name)
        document["current"] = name


def remove(name: str) -> bool:
    """Remove a context and return whether it was the current one; then there is none until another is chosen.

    Raises `Refused`: NOT_FOUND, and INVALID_ARGUMENT for the private worker, which always exists.
    """
    if name == EMBEDDED:
        raise Refused(
            Code.INVALID_ARGUMENT, f"{EMBEDDED!r} is built in: it is your private worker", "jobwire context use switches to another"
        )
    with edit() as document:
        if name not in document.get("contexts", {}):
            raise _no_such(name)
        del document["contexts"][name]
        was_used = document.get("current") == name
        if was_used:
            document["current"] = NONE
        return was_used
