"""The words that can come next, for a wish. Reads contexts; queries jobs and schedules through functions.

Starts and writes nothing. What cannot be read adds no words: nobody wants messages in the middle of a line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from ....schemas.private_parts.light_typing import NamedTuple
from . import line
from .line import Wish, Word
from .table import COMMANDS, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ....schemas.generated import request_pb2
    from .jobs import Found


class Asks(NamedTuple):
    """The functions that query a worker: for jobs and runs, newest first, for schedules, and for the members on its roster."""

    jobs: Callable[[Wish], Iterable[Found]]
    schedules: Callable[[Wish], Iterable[request_pb2.ScheduleInfo]] = lambda _: ()
    members: Callable[[Wish], Iterable[request_pb2.RosterMember]] = lambda _: ()


_FOR_THE_SHELL = {line.FILE, line.DIR, line.PROGRAM}
_SHELLS = ("bash", "zsh", "fish")
_CURSORS = (Word("now", "events from now on"), Word("start", "the oldest event that is kept"))


def is_for_the_shell(wish: Wish) -> bool:
    """Return whether the shell itself completes this best: a file, a folder, or a program with its arguments."""
    return wish.kind in _FOR_THE_SHELL


def find_words(wish: Wish, asks: Asks, commands: Mapping[str, Command] = COMMANDS) -> list[Word]:
    """Return the words that begin as typed, in display order."""
    match wish.kind:
        case line.SUBCOMMAND:
            known: Iterable[Word] = _subcommands(wish, commands)
        case line.FLAG:
            known = _flags(wish, commands[wish.path])
        case line.JOB | line.BATCH | line.AFTER:
            known = _jobs(wish, asks.jobs(wish))
        case line.SCHEDULE:
            known = _schedules(wish, asks.schedules(wish))
        case line.OWNER:
            known = map(Word, dict.fromkeys(job.owner_name for job in asks.jobs(wish) if job.owner_name))
        case line.MEMBER:
            known = _members(wish, asks)
        case kind:
            known = _FIXED.get(kind, tuple)()
    found = (word for word in known if word.text.startswith(wish.typed))
    return [Word(wish.before + word.text, _in_a_line(word.about)) for word in found if _is_fit(word.text)]


def _is_fit(text: str) -> bool:
    # A name with a blank or a control character cannot be typed as it is shown.
    return text.isprintable() and " " not in text


def _in_a_line(about: str) -> str:
    """Return a description without line ends, which would begin another word, and without control characters."""
    if about.isprintable():
        return about
    from ....schemas.text.printable import printable  # noqa: PLC0415 -- as for each of these: only where it is wanted

    return printable(about)


def _subcommands(wish: Wish, commands: Mapping[str, Command]) -> Iterator[Word]:
    return (Word(path.split(" ")[-1], command.help) for path, command in commands.items() if path.rpartition(" ")[0] == wish.path)


def _flags(wish: Wish, command: Command) -> Iterator[Word]:
    for flags, _, about in command.options:
        spellings = flags.split()
        if not wish.used.intersection(spellings):
            # The long one says what it does; a short one is offered where only it begins so.
            yield from (Word(flag, about) for flag in spellings if flag.startswith("--") or len(spellings) == 1 or wish.typed == flag)


def _contexts() -> Iterator[Word]:
    from ...config import contexts  # noqa: PLC0415 -- as above

    yield Word(contexts.EMBEDDED, "your private worker")
    yield from (Word(context.name, context.endpoint) for context in contexts.list_contexts())


def _members(wish: Wish, asks: Asks) -> Iterator[Word]:
    from ...config import contexts  # noqa: PLC0415 -- as above

    # The context in use does not count, as for `keys`.
    if (wish.context or os.environ.get(contexts.CONTEXT_VARIABLE) or contexts.EMBEDDED) != contexts.EMBEDDED:
        return (Word(member.name, member.role) for member in asks.members(wish))
    from pathlib import Path  # noqa: PLC0415 -- as above

    from ....keys.files.user_folders import roster_path  # noqa: PLC0415 -- as above
    from ....keys.members.roster import list_members  # noqa: PLC0415 -- as above
    from ....schemas.refusal import Refused  # noqa: PLC0415 -- as above

    try:
        return (Word(member.name, member.role) for member in list_members(Path(wish.roster) if wish.roster else roster_path()))
    except Refused:
        return iter(())


def _jobs(wish: Wish, asked: Iterable[Found]) -> list[Word]:
    found = iter(asked)
    if (first := next(found, None)) is None:
        return []
    from .jobs import job_words  # noqa: PLC0415 -- as above

    return [word for word in job_words(wish, chain((first,), found)) if word.text not in wish.used]


def _schedules(wish: Wish, asked: Iterable[request_pb2.ScheduleInfo]) -> list[Word]:
    found = list(asked)
    if not found:
        return []
    from .schedules import schedule_words  # noqa: PLC0415 -- as above

    return schedule_words(wish.path, found)


def _signals() -> Iterator[Word]:
    from signal import Signals  # noqa: PLC0415 -- as above

    yield from (Word(signal.name.removeprefix("SIG")) for signal in Signals)
    yield from (Word(signal.name) for signal in Signals)


def _states() -> Iterator[Word]:
    from ....schemas.jobs.states import State  # noqa: PLC0415 -- as above

    return (Word(state.name.lower()) for state in State)


def _roles() -> Iterator[Word]:
    from ....keys.members.rights import ROLES  # noqa: PLC0415 -- as above

    return map(Word, ROLES)


def _columns() -> Iterator[Word]:
    from ..shown.job_columns import COLUMNS  # noqa: PLC0415 -- as above

    return map(Word, COLUMNS)


def _limits() -> Iterator[Word]:
    from ....schemas.jobs.process_limits import NUMBERS  # noqa: PLC0415 -- as above

    return (Word(f"{name}=") for name in NUMBERS)


_FIXED: dict[str, Callable[[], Iterable[Word]]] = {
    line.CONTEXT: _contexts,
    line.ROLE: _roles,
    line.SIGNAL: _signals,
    line.STATE: _states,
    line.VARIABLE: lambda: map(Word, sorted(os.environ)),
    line.SHELL: lambda: map(Word, _SHELLS),
    line.CURSOR: lambda: _CURSORS,
    line.COLUMN: _columns,
    line.LIMIT: _limits,
    line.SORT: lambda: map(Word, ("queued", "started", "ended", "-queued", "-started", "-ended")),
    line.OVERLAP: lambda: map(Word, ("skip", "queue", "stop")),
    line.MISSED: lambda: map(Word, ("once", "skip", "all")),
    line.FORM: lambda: map(Word, ("slurm", "parallel", "xargs", "lines")),
}
