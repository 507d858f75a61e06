"""Read what describes a batch, and say how far it is if that takes long on a terminal."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Self

from ....schemas.refusal import Code, Refused
from ...batch.batch_file import Batch
from ...batch.expansion.axes import ITEM, RESERVED
from ...batch.expansion.placeholders import NAME
from ...batch.octets import as_typed
from ..arguments import understanding
from ..terminal.screen import is_terminal, say

_MOST_WARNINGS = 5
_FIRST_SECONDS = 1.0
_EACH_SECONDS = 0.2
_CLEAR = "\r\x1b[K"


def read_saying(name: str, read: Callable[[Callable[[int], None]], Batch]) -> Batch:
    """Return the batch that a function reads, and print its warnings. The function is given one that takes the number of jobs so far.

    Raises BadInput for mistakes in it.
    """
    with understanding(), _without_pauses(), _Notice(name) as notice:
        batch = read(notice.count)
    for warning in batch.warnings[:_MOST_WARNINGS]:
        say(warning)
    if (more := len(batch.warnings) - _MOST_WARNINGS) > 0:
        say(f"... and {more} more line{'s' if more > 1 else ''} like this")
    return batch


@contextmanager
def _without_pauses() -> Iterator[None]:
    """Keep the garbage collector from looking through a large batch again and again while it grows."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class _Notice:
    """On a terminal, a line on standard error after a second, with the number of jobs so far; it is removed at the end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs = 0
        self._is_over = threading.Event()
        # The parser of TOML does not say how far it is, so the time has to pass beside it.
        self._thread = threading.Thread(target=self._show) if is_terminal(2) else None

    def count(self, jobs: int) -> None:
        """Remember how many jobs there are."""
        self._jobs = jobs

    def __enter__(self) -> Self:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()

    def _show(self) -> None:
        wait = _FIRST_SECONDS
        while not self._is_over.wait(wait):
            wait = _EACH_SECONDS
            so_far = f", {self._jobs} jobs checked" if self._jobs else ""
            sys.stderr.write(f"{_CLEAR}jobwire: reading {self._name}{so_far}")
            sys.stderr.flush()
        if wait == _EACH_SECONDS:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()


def read_values(typed: Iterable[str]) -> dict[str, str]:
    """Return the values of `--set K=V`; of two for one name the last counts.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    values = {}
    for said in map(as_typed, typed):
        name, is_set, value = said.partition("=")
        if not is_set:
            raise Refused(Code.INVALID_ARGUMENT, f"{said!r} has no value", "write it like --set lr=0.1")
        if not NAME.fullmatch(name) or name in RESERVED or name == ITEM:
            raise Refused(Code.INVALID_ARGUMENT, f"{name!r} cannot be the name of a value", "use another one, of letters, digits and _")
        values[name] = value
    return values
