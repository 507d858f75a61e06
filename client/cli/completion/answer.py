"""The answer to a shell at Tab: `jobwire __complete SHELL ...`, called by the scripts in scripts.py.

For bash, `...` is the line up to the cursor; for the others, the words after `jobwire`, without quotes, the last one up to the cursor. The
first line of the answer says what completes: `words` (those on the next lines, each with a tab and a description), or the shell, with
`files`, `folders` or `program N`, the last after N words of the line.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

from . import bash_line, line
from .light_imports import spare
from .line import Wish, understand
from .words import Asks, find_words, is_for_the_shell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from ....schemas.generated import request_pb2
    from .jobs import Found

    _Thing = TypeVar("_Thing")

CALL = "__complete"
_BEGUN = time.monotonic()
_BREAKS = "COMP_WORDBREAKS"


def main(arguments: Sequence[str]) -> None:
    """Print the answer. If anything fails, the answer is empty."""
    spare()
    shell, *said = arguments or [""]
    try:
        lines = _answer(shell, said)
    except Exception:
        if os.environ.get("JOBWIRE_TRACEBACK"):
            raise
        lines = ["words"]
    text = "".join(f"{line}\n" for line in lines)
    os.write(1, text.encode(errors="surrogateescape"))


def _answer(shell: str, said: list[str]) -> list[str]:
    typed = bash_line.read(said[0] if said else "") if shell == "bash" else None
    wish = understand(said if typed is None else typed.words[1:])
    if is_for_the_shell(wish):
        return [_leave_it(wish)]
    asks = Asks(
        lambda asked: ask(asked, _BEGUN), lambda asked: ask_for_schedules(asked, _BEGUN), lambda asked: ask_for_members(asked, _BEGUN)
    )
    found = find_words(wish, asks)
    if typed is None:
        return ["words", *(f"{word.text}\t{word.about}" if word.about else word.text for word in found)]
    breaks = os.environ.get(_BREAKS, " \t\n\"'@><=;|&(:")
    return ["words", *(bash_line.write(word.text, typed, breaks) for word in found)]


def _leave_it(wish: Wish) -> str:
    if wish.kind == line.PROGRAM:
        # Counted with `jobwire` itself.
        return f"program {wish.at + 1}"
    if wish.kind == line.DIR and wish.path in {"jobwire run", "jobwire submit"} and not _is_private(wish):
        # A folder of another machine.
        return "words"
    return "files" if wish.kind == line.FILE else "folders"


def _is_private(wish: Wish) -> bool:
    from ...config import contexts  # noqa: PLC0415 -- only where it matters

    return (wish.context or contexts.current_name()) == contexts.EMBEDDED


def ask(wish: Wish, begun: float | None = None) -> Iterator[Found]:
    """Return the jobs and runs of the selected worker, newest first; none if it cannot be queried.

    `begun`: when the wait began, on `time.monotonic`; by default, now.
    """
    from ....schemas.refusal import Refused  # noqa: PLC0415 -- only where jobs are wanted
    from .lookup import near_worker  # noqa: PLC0415 -- as above

    try:
        return _until_refused(near_worker.ask(wish, time.monotonic() if begun is None else begun))
    except (Refused, OSError):
        return iter(())


def ask_for_schedules(wish: Wish, begun: float | None = None) -> Iterator[request_pb2.ScheduleInfo]:
    """Return the schedules of the selected worker; as `ask` does."""
    from ....schemas.refusal import Refused  # noqa: PLC0415 -- as above
    from .lookup import near_worker  # noqa: PLC0415 -- as above

    try:
        return _until_refused(near_worker.ask_for_schedules(wish, time.monotonic() if begun is None else begun))
    except (Refused, OSError):
        return iter(())


def ask_for_members(wish: Wish, begun: float | None = None) -> Iterator[request_pb2.RosterMember]:
    """Return the members on the roster of the selected worker; as `ask` does."""
    from ....schemas.refusal import Refused  # noqa: PLC0415 -- as above
    from .lookup import near_worker  # noqa: PLC0415 -- as above

    try:
        return _until_refused(near_worker.ask_for_members(wish, time.monotonic() if begun is None else begun))
    except (Refused, OSError):
        return iter(())


def _until_refused(found: Iterator[_Thing]) -> Iterator[_Thing]:
    from ....schemas.refusal import Refused  # noqa: PLC0415 -- as above

    try:
        yield from found
    except (Refused, OSError):
        return
