"""Read the description of a batch, and show the progress if that takes long on a terminal."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from .....schemas.refusal import Code, Refused
from ....batch.batch_file import Batch
from ....batch.expansion.axes import ITEM, RESERVED
from ....batch.expansion.placeholders import NAME
from ....batch.octets import as_typed
from ...arguments import understanding
from ...terminal.screen import say
from ...terminal.waiting import Saying

_MOST_WARNINGS = 5


def read_saying(name: str, read: Callable[[Callable[[int], None]], Batch]) -> Batch:
    """Return the batch that a function reads, and print its warnings. The function gets a callback for the number of jobs so far.

    Raises BadInput for mistakes in it.
    """
    progress = _Progress(name)
    # The parser of TOML does not say how far it is, so the time has to pass beside it.
    with understanding(), _without_pauses(), Saying(progress.__str__):
        batch = read(progress.count)
    for warning in batch.warnings[:_MOST_WARNINGS]:
        say(warning)
    if (more := len(batch.warnings) - _MOST_WARNINGS) > 0:
        say(f"... and {more} more line{'s' if more > 1 else ''} like this")
    return batch


@contextmanager
def _without_pauses() -> Iterator[None]:
    """Keep the garbage collector from scanning a large batch again and again while it grows."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class _Progress:
    """The progress, in words."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs = 0

    def count(self, jobs: int) -> None:
        """Remember how many jobs there are."""
        self._jobs = jobs

    def __str__(self) -> str:
        """Return the progress in words."""
        return f"reading {self._name}{f', {self._jobs} jobs checked' if self._jobs else ''}"


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
