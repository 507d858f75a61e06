"""The file `contexts.toml`: read, validated and edited. The only module that knows its format."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...keys.files import private_files
from ...keys.files.file_kind import demand_kind, way_to_read
from ...keys.files.ownership import demand_own, judge
from ...keys.files.shortage import demand_descriptors
from ...keys.files.small_file import open_to_read, read_all
from ...keys.files.user_folders import config_folder
from ...keys.identity import parse_public
from ...schemas.endpoint import to_connect
from ...schemas.refusal import Code, Refused
from ...schemas.text import plain_toml
from ...schemas.text.plain_text import why_not_text
from ..sockets.addressee import EMBEDDED, Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tomlkit import TOMLDocument

_LARGEST_FILE = 1024 * 1024
# As `current`, after the one in use was removed. Earlier versions refuse it as a name, and do not go elsewhere either.
NONE = ""


def contexts_path() -> Path:
    """Return the path of the contexts file.

    Raises `Refused(FAILED_PRECONDITION)` if it or its folder belongs to another user.
    """
    path = config_folder() / "contexts.toml"
    demand_own(path, "the contexts file")
    return path


def read() -> tuple[str, dict[str, Context]]:
    """Return the content of the file: the name of the current context, and the contexts by name. A missing file has no contexts."""
    path = contexts_path()
    try:
        with open_to_read(path) as file:
            text = _text(file.fileno(), path)
    except (FileNotFoundError, NotADirectoryError):
        return EMBEDDED, {}
    except OSError as error:
        demand_descriptors(error.errno)
        demand_kind(path, "the contexts file")
        next_step = way_to_read(path) or "fix it or move it away"
        raise Refused(Code.FAILED_PRECONDITION, f"{path} cannot be read: {error.strerror}", next_step) from None
    return understand(text, path)


def _text(fd: int, path: Path) -> str:
    """Return the text of the file, read from its descriptor."""
    status = os.fstat(fd)
    demand_kind(path, "the contexts file", status)
    if status.st_size > _LARGEST_FILE:
        raise Refused(Code.FAILED_PRECONDITION, f"{path} has more than {_LARGEST_FILE} bytes", "fix it or move it away")
    judge(status, path, "the contexts file")
    content = read_all(fd, _LARGEST_FILE)
    if (wrong := why_not_text(content)) is not None:
        raise Refused(Code.FAILED_PRECONDITION, f"{path}, line {wrong.line}: {wrong.what}", wrong.next_step or "fix that line")
    # With its line ends as they are: an edit keeps them. Some editors write a byte order mark first.
    return content.decode().removeprefix("\ufeff")


def understand(text: str, path: Path) -> tuple[str, dict[str, Context]]:
    """Return what a text means as the content of the file at `path`. Raises Refused with line and key."""

    def wrong(key: tuple[str, ...], what: str) -> Refused:
        from ..batch.forms.toml_lines import place_of  # noqa: PLC0415 -- only where something is wrong

        place = place_of(text, key)
        return Refused(Code.FAILED_PRECONDITION, f"{path}, line {place.line}, key '{place.key}': {what}", "fix that line")

    tables = plain_toml.parse(text)
    if tables is None:
        tables = _parsed(text, path)
    for key in tables.keys() - {"current", "contexts"}:
        raise wrong((key,), "there is no such key; known are contexts, current")
    named = tables.get("contexts", {})
    if not isinstance(named, dict):
        raise wrong(("contexts",), "this is not a table of contexts")
    contexts = {name: _context(name, table, path.parent, wrong) for name, table in named.items()}
    current = tables.get("current", EMBEDDED)
    if not isinstance(current, str):
        raise wrong(("current",), "it is not text")
    if current not in {EMBEDDED, NONE, *contexts}:
        raise wrong(("current",), f"there is no context {current!r}")
    return current, contexts


def _parsed(text: str, path: Path) -> dict[str, Any]:
    from ...schemas.text import toml_text  # noqa: PLC0415 -- what we write ourselves is plainer

    try:
        return toml_text.parse(text)
    except toml_text.NotTomlError as error:
        raise Refused(Code.FAILED_PRECONDITION, f"{path}, line {error.line}: this is not TOML: {error.reason}", "fix that line") from None
    except RecursionError:
        raise Refused(Code.FAILED_PRECONDITION, f"{path} is not TOML: it is nested too deeply", "fix it or move it away") from None


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
def edit() -> Iterator[TOMLDocument]:
    """Let the caller change the file, one process at a time; comments are kept. It is written unless an exception is raised."""
    import tomlkit  # noqa: PLC0415 -- only edits need it

    path = contexts_path()
    try:
        # If it is a symbolic link, the file is replaced and not the link.
        with private_files.place_of(path, make=True) as place:
            place.lock()
            text = ""
            with suppress(FileNotFoundError):
                fd = place.open()
                try:
                    text = _text(fd, place.path)
                finally:
                    os.close(fd)
            understand(text, path)  # A broken file is refused with line and key, not edited.
            document = tomlkit.parse(text)
            yield document
            place.replace(tomlkit.dumps(document).encode())
    except OSError as error:
        from ...keys.files.attributes import reason_with  # noqa: PLC0415 -- only where something is wrong

        raise Refused(Code.FAILED_PRECONDITION, f"{path} cannot be written: {reason_with(error, path)}") from None
