"""The prompt of `jobwire shell`: history and completion with readline(3)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ....keys.files import private_files
from ....keys.files.user_folders import state_folder
from ..completion import bash_line, line
from ..completion.line import understand
from ..completion.words import find_words

if TYPE_CHECKING:
    from ..completion.words import Asks

_MOST_LINES = 1000


@contextmanager
def prompted(text: Callable[[], str], context: str | None, asks: Asks) -> Iterator[Callable[[], str | None]]:
    """Return a function that returns the next line that is typed; None at the end of input.

    `context`: of lines that name none. Lines are kept in the history, except those that begin with a blank.
    """
    readline = _readline()
    history = state_folder() / "shell_history"
    if readline is not None:
        _load(readline, history)
        _complete(readline, context, asks)

    def read() -> str | None:
        try:
            typed = input(text())
        except EOFError:
            return None
        if readline is not None and typed.strip() and not typed.startswith(" "):
            _keep(readline, history, typed)
        return typed

    try:
        yield read
    finally:
        if readline is not None:
            readline.set_completer(None)


def _readline() -> ModuleType | None:
    """Return the module; None in a Python that was built without it."""
    try:
        import readline  # noqa: PLC0415 -- only for a person, and not everywhere
    except ImportError:
        return None
    return readline


def _load(readline: ModuleType, history: Path) -> None:
    readline.set_auto_history(False)
    with suppress(OSError):
        readline.read_history_file(history)


def _keep(readline: ModuleType, history: Path, typed: str) -> None:
    """Add a line to the history: at once, so that it is kept whatever ends this process, and of several shells each adds its own."""
    readline.add_history(typed)
    # Without a state folder that can be written, it is kept for this shell only.
    with suppress(OSError):
        private_files.make_folder(history.parent)
        os.close(os.open(history, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        readline.set_history_length(_MOST_LINES)
        readline.append_history_file(1, history)


def _complete(readline: ModuleType, context: str | None, asks: Asks) -> None:
    found: list[str] = []

    def complete(_: str, state: int) -> str | None:
        if state == 0:
            found[:] = completions(readline.get_line_buffer()[: readline.get_endidx()], asks, context)
        return found[state] if state < len(found) else None

    readline.set_completer_delims(" \t\n")
    readline.parse_and_bind("tab: complete")
    readline.set_completer(complete)


def completions(typed: str, asks: Asks, context: str | None = None) -> list[str]:
    """Return the replacements for the last word of a line, quoted as needed. If anything fails, there are none.

    `context`: the one in use if the line names none.
    """
    read = bash_line.read(typed)
    if any(char in read.raw for char in " \t"):
        # What readline would replace begins in the middle of the word.
        return []
    words = read.words[1:] if read.words[0] == "jobwire" and len(read.words) > 1 else read.words
    wish = understand(words)
    wish = wish._replace(context=wish.context or context)
    try:
        if wish.kind in {line.FILE, line.DIR}:
            return _paths(wish.typed, wish.before, folders_only=wish.kind == line.DIR)
        return [_written(word.text, read) + " " for word in find_words(wish, asks)]
    except Exception:  # noqa: BLE001 -- as said
        return []


def _written(word: str, typed: bash_line.TypedLine) -> str:
    return f"{typed.quote}{word}{typed.quote}" if typed.quote else bash_line.write(word, typed, "")


def _paths(typed: str, before: str, *, folders_only: bool) -> list[str]:
    base, start = typed[: typed.rfind("/") + 1], typed[typed.rfind("/") + 1 :]
    with os.scandir(base or ".") as entries:
        found = sorted((entry.name, entry.is_dir()) for entry in entries if _is_shown(entry.name, start))
    shown = [f"{name}/" if is_folder else name for name, is_folder in found if is_folder or not folders_only]
    return [bash_line.write(before + base + name, bash_line.read(""), "") + ("" if name.endswith("/") else " ") for name in shown]


def _is_shown(name: str, start: str) -> bool:
    return name.startswith(start) and (bool(start) or not name.startswith("."))
