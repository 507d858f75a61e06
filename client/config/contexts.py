"""The workers that a user knows by name, in `contexts.toml`.

A context is an endpoint, the worker's pinned public key, and the identity to use. If none is configured, or the name is `embedded`, it is
the private worker of this user. Knows no socket; the file is validated here and nowhere else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...keys.files import private_files
from ...keys.files.file_kind import demand_kind, way_to_read
from ...keys.files.ownership import demand_own, judge
from ...keys.files.user_folders import config_folder, worker_folder
from ...keys.identity import format_public, parse_public
from ...schemas.endpoint import to_connect
from ...schemas.refusal import Code, Refused
from ...schemas.text.patterns import pattern
from ...schemas.text.plain_text import why_not_text
from ..sockets.addressee import EMBEDDED, Context
from . import job_context

__all__ = [
    "CONTEXT_VARIABLE",
    "EMBEDDED",
    "Context",
    "NoneInUse",
    "add",
    "contexts_path",
    "current_name",
    "list_contexts",
    "remove",
    "resolve",
    "resolve_running",
    "use",
]

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

CONTEXT_VARIABLE = "JOBWIRE_CONTEXT"

_NAME = pattern(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_LARGEST_FILE = 1024 * 1024


# As `current`, after the one in use was removed. Earlier versions refuse it as a name, and do not go elsewhere either.
_NONE = ""


class NoneInUse(Refused):
    """The context in use was removed, and no other was chosen: nothing may run elsewhere unnoticed."""

    def __init__(self, known: Iterable[str]) -> None:
        names = ", ".join([*known, f"{EMBEDDED} (your private worker)"])
        super().__init__(
            Code.FAILED_PRECONDITION,
            "no context is in use, as the one that was has been removed",
            f"choose one with jobwire context use NAME, or for one command with jobwire --context NAME: {names}",
        )


def contexts_path() -> Path:
    """Return the path of the contexts file.

    Raises `Refused(FAILED_PRECONDITION)` if it or its folder belongs to another user.
    """
    path = config_folder() / "contexts.toml"
    demand_own(path, "the contexts file")
    return path


def current_name() -> str:
    """Return the name of the current context: `$JOBWIRE_CONTEXT`, else that of this job, the one in use, or the embedded worker.

    It is empty after the one in use was removed, until another is chosen.
    """
    return _named(None) or _read()[0]


def _named(name: str | None) -> str:
    """Return which context is meant; empty if that depends on which is in use."""
    return name or os.environ.get(CONTEXT_VARIABLE) or (job_context.OF_THIS_JOB if job_context.is_here() else "")


def find(name: str | None = None) -> Context | None:
    """Return a context by name, or the current one; None for the embedded worker. Starts nothing.

    Raises `Refused`: NOT_FOUND for a name that is not configured, NoneInUse if none is chosen, and as `job_context.resolve` does.
    """
    name = _named(name)
    if name == job_context.OF_THIS_JOB:
        # Whatever the user of the job has configured.
        return job_context.resolve()
    current, contexts = _read()
    name = name or current
    if name == EMBEDDED:
        return None
    if name == _NONE:
        raise NoneInUse(contexts)
    if name not in contexts:
        raise _no_such(name)
    return contexts[name]


def resolve(name: str | None = None) -> Context:
    """Return a context by name, or the current one. Starts the embedded worker if it is meant and not running.

    Raises `Refused`: as `find` does, and `ensure` in private_worker/.
    """
    if (found := find(name)) is not None:
        return found
    from ..private_worker.ensure import ensure  # noqa: PLC0415 -- who speaks to another worker need not wait for it

    return ensure()


def resolve_running(name: str | None = None) -> Context | None:
    """Return a context as `resolve` does; None for the embedded worker if it is not running, which is not started.

    Raises `Refused`.
    """
    name = _named(name)
    if name == job_context.OF_THIS_JOB:
        return job_context.resolve()
    current, contexts = _read()
    name = name or current
    if name == EMBEDDED:
        from ..private_worker.running import ready  # noqa: PLC0415 -- as above

        return ready(worker_folder())
    return contexts.get(name)


def _no_such(name: str) -> Refused:
    return Refused(Code.NOT_FOUND, f"there is no context {name!r}", "jobwire context list shows all contexts, jobwire context add adds one")


def list_contexts() -> tuple[Context, ...]:
    """Return the configured contexts in the order of the file, without the embedded worker, which always exists."""
    return tuple(_read()[1].values())


def add(name: str, endpoint: str, server_key: bytes, *, replace: bool = False) -> bool:
    """Add a context; the first one becomes the current one. Return whether the new one is current.

    `replace`: if there is one of this name, it gets this endpoint and key, and keeps its identity and its place.

    Raises `Refused`: ALREADY_EXISTS for a name in use, INVALID_ARGUMENT for what cannot be one.
    """
    check_name(name)
    whole = to_connect(endpoint)
    with _edit() as document:
        tables = document.setdefault("contexts", {})
        if name in tables:
            if not replace:
                raise Refused(Code.ALREADY_EXISTS, f"the context {name!r} already exists", "add --force to replace it")
            tables[name]["endpoint"], tables[name]["key"] = whole, format_public(server_key)
            return document.get("current") == name
        tables[name] = {"endpoint": whole, "key": format_public(server_key)}
        if len(tables) > 1 or document.get("current", _NONE) != _NONE:
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
    with _edit() as document:
        if name != EMBEDDED and name not in document.get("contexts", {}):
            raise _no_such(name)
        document["current"] = name


def remove(name: str) -> bool:
    """Remove a context and return whether it was the current one; then none is, until another is chosen.

    Raises `Refused`: NOT_FOUND, and INVALID_ARGUMENT for the embedded worker, which is always there.
    """
    if name == EMBEDDED:
        raise Refused(
            Code.INVALID_ARGUMENT, f"{EMBEDDED!r} is built in: it is your private worker", "jobwire context use switches to another"
        )
    with _edit() as document:
        if name not in document.get("contexts", {}):
            raise _no_such(name)
        del document["contexts"][name]
        was_used = document.get("current") == name
        if was_used:
            document["current"] = _NONE
        return was_used


def _read() -> tuple[str, dict[str, Context]]:
    """Return what the file holds: the name of the current context, and the contexts by name. No file means no contexts."""
    path = contexts_path()
    try:
        text = _text(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), path)
    except (FileNotFoundError, NotADirectoryError):
        return EMBEDDED, {}
    except OSError as error:
        demand_kind(path, "the contexts file")
        next_step = way_to_read(path) or "fix it or move it away"
        raise Refused(Code.FAILED_PRECONDITION, f"{path} cannot be read: {error.strerror}", next_step) from None
    return _understand(text, path)


def _text(fd: int, path: Path) -> str:
    """Return the text of the file, read from its descriptor, which is closed."""
    status = os.fstat(fd)
    try:
        demand_kind(path, "the contexts file", status)
    except BaseException:
        os.close(fd)
        raise
    with open(fd, "rb") as file:
        if status.st_size > _LARGEST_FILE:
            raise Refused(Code.FAILED_PRECONDITION, f"{path} has more than {_LARGEST_FILE} bytes", "fix it or move it away")
        judge(status, path, "the contexts file")
        content = file.read(_LARGEST_FILE)
    if (wrong := why_not_text(content)) is not None:
        raise Refused(Code.FAILED_PRECONDITION, f"{path}, line {wrong.line}: {wrong.what}", wrong.next_step or "fix that line")
    # With its line ends as they are: an edit keeps them. Some editors write a byte order mark first.
    return content.decode("utf-8-sig")


def _understand(text: str, path: Path) -> tuple[str, dict[str, Context]]:
    from ...schemas.text import toml_text  # noqa: PLC0415 -- who has no contexts need not wait for it

    def wrong(key: tuple[str, ...], what: str) -> Refused:
        from ..batch.forms.toml_lines import place_of  # noqa: PLC0415 -- only where something is wrong

        place = place_of(text, key)
        return Refused(Code.FAILED_PRECONDITION, f"{path}, line {place.line}, key '{place.key}': {what}", "fix that line")

    try:
        tables = toml_text.parse(text)
    except toml_text.NotTomlError as error:
        raise Refused(Code.FAILED_PRECONDITION, f"{path}, line {error.line}: this is not TOML: {error.reason}", "fix that line") from None
    except RecursionError:
        raise Refused(Code.FAILED_PRECONDITION, f"{path} is not TOML: it is nested too deeply", "fix it or move it away") from None
    for key in tables.keys() - {"current", "contexts"}:
        raise wrong((key,), "there is no such key; known are contexts, current")
    named = tables.get("contexts", {})
    if not isinstance(named, dict):
        raise wrong(("contexts",), "this is not a table of contexts")
    contexts = {name: _context(name, table, path.parent, wrong) for name, table in named.items()}
    current = tables.get("current", EMBEDDED)
    if current not in (EMBEDDED, _NONE) and (not isinstance(current, str) or current not in contexts):
        raise wrong(("current",), f"there is no context {current!r}")
    return current, contexts


def _context(name: str, table: Any, folder: Path, wrong: Callable[[tuple[str, ...], str], Refused]) -> Context:
    if name == EMBEDDED or not isinstance(table, dict):
        raise wrong(("contexts", name), f"{name!r} cannot be a context here")
    for key in table.keys() - {"endpoint", "key", "identity"}:
        raise wrong(("contexts", name, key), f"there is no key '{key}' here; known are endpoint, identity, key")
    for key in ("endpoint", "key"):
        if key not in table:
            raise wrong(("contexts", name), f"there is no '{key}'")
    for key, value in table.items():
        if not isinstance(value, str):
            raise wrong(("contexts", name, key), "it is not text")
    key = "endpoint"
    try:
        endpoint = to_connect(table["endpoint"])
        key = "key"
        public = parse_public(table["key"])
    except Refused as refused:
        raise wrong(("contexts", name, key), refused.message) from None
    try:
        identity = folder / Path(table.get("identity") or "identity").expanduser()
    except RuntimeError:
        # pathlib, of `~somebody`.
        raise wrong(("contexts", name, "identity"), f"it names the home of a user who does not exist: {table['identity']}") from None
    return Context(name, endpoint, public, identity)


@contextmanager
def _edit() -> Iterator[TOMLDocument]:
    """Let the caller change the file, one process at a time; comments are kept. It is written unless an exception is raised."""
    import tomlkit  # noqa: PLC0415 -- only edits need it

    path = contexts_path()
    try:
        # If it is a symbolic link, the file is replaced and not the link.
        with private_files.place_of(path, make=True) as place:
            place.lock()
            text = ""
            with suppress(FileNotFoundError):
                text = _text(place.open(), place.path)
            _understand(text, path)  # A broken file is refused with line and key, not edited.
            document = tomlkit.parse(text)
            yield document
            place.replace(tomlkit.dumps(document).encode())
    except OSError as error:
        raise Refused(Code.FAILED_PRECONDITION, f"{path} cannot be written: {error.strerror}") from None
