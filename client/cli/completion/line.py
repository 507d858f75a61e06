"""The word being typed on a command line: its command, and what it can be. Pure: words in, a wish out.

Knows the table of commands. Knows neither jobs nor shells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ....schemas.private_parts.light_typing import NamedTuple
from .table import COMMANDS, Command

# Kinds of words. A placeholder that is none of these stands for a text that nobody can guess.
SUBCOMMAND = "subcommand"
FLAG = "flag"
CONTEXT = "context"
PROGRAM = "program"
JOB = "JOB"
BATCH = "BATCH"
SCHEDULE = "SCHEDULE"
ROLE = "ROLE"
SIGNAL = "SIGNAL"
VARIABLE = "variable"
SHELL = "SHELL"
STATE = "STATE"
MEMBER = "member"
OWNER = "owner"
CURSOR = "CURSOR"
COLUMN = "column"
OVERLAP = "overlap"
MISSED = "missed"
FORM = "FORM"
SORT = "[-]TIME"
LIMIT = "limit"
AFTER = "after"
FILE = "FILE"
DIR = "DIR"
_KINDS = {JOB, BATCH, SCHEDULE, ROLE, SIGNAL, SHELL, STATE, CURSOR, FORM, FILE, DIR}
# Placeholders that say more than the kind of a word.
_SPELLED = {
    "K[=V]": VARIABLE,
    "FILE[:PATH]": FILE,
    "[WHEN:]JOB": AFTER,
    "[-]TIME": SORT,
    "NAME=SOFT[:HARD]": LIMIT,
    "NAMES": COLUMN,
}
_OF_A_FLAG = {"--context": CONTEXT, "--user": OWNER, "--overlap": OVERLAP, "--missed": MISSED}
# Several of these can be given with commas; before a condition it is said how a job is to end.
_IN_A_LIST = {COLUMN, STATE}
_CONDITIONS = ("ok:", "failed:", "any:")
# The first argument of these is a name that exists; elsewhere NAME is a new one.
_NAMES_A_CONTEXT = {"jobwire context use", "jobwire context rm", "jobwire context show", "jobwire context test"}
_NAMES_A_MEMBER = {"jobwire keys rm", "jobwire keys set-role", "jobwire keys rename"}


class Wish(NamedTuple):
    """What the last word can be.

    `kind`: one of the above, or empty for anything. `typed`: its beginning. `before`: what precedes it in the same word, such as `--role=`.
    `path`: the command. `used`: flags and arguments that were given. `context`, `roster`: the values of `--context` and `--roster`. `at`:
    for PROGRAM, how many words precede the program.
    """

    kind: str
    typed: str
    path: str = "jobwire"
    before: str = ""
    used: frozenset[str] = frozenset()
    context: str | None = None
    roster: str | None = None
    at: int = 0


class Word(NamedTuple):
    """A word that can come next, and its description, for shells that show it."""

    text: str
    about: str = ""


class _Line:
    """The words before the last one."""

    def __init__(self, commands: Mapping[str, Command]) -> None:
        self._commands = commands
        self.path = "jobwire"
        self.context: str | None = None
        self.roster: str | None = None
        self.used: set[str] = set()
        self.arguments = 0
        # The flag whose value comes next.
        self.open = ""
        self.options_ended = False

    @property
    def command(self) -> Command:
        return self._commands[self.path]

    @property
    def subcommands(self) -> bool:
        return any(path.rpartition(" ")[0] == self.path for path in self._commands)

    def add(self, word: str) -> bool:
        """Add a word; return False if there is no such subcommand."""
        if self.open:
            self._set(self.open, word)
            self.open = ""
        elif not self.options_ended and word == "--":
            self.options_ended = True
        elif not self.options_ended and len(word) > 1 and word.startswith("-"):
            self._add_option(word)
        elif self.path == "jobwire" and word == "help":
            # What follows is a command, as without it.
            self.used.clear()
        elif self.subcommands:
            self.path = f"{self.path} {word}"
            self.used.clear()
            return self.path in self._commands
        else:
            self.arguments += 1
            self.used.add(word)
        return True

    def _add_option(self, word: str) -> None:
        flag, value = self.split(word)
        self.used.update(self._all_flags(flag))
        if value is not None:
            self._set(flag, value)
        elif self.placeholder(flag):
            self.open = flag

    def _set(self, flag: str, value: str) -> None:
        if flag == "--context":
            self.context = value
        elif flag == "--roster":
            self.roster = value

    def split(self, word: str) -> tuple[str, str | None]:
        """Return the last flag in a word and the value glued to it, if there is one: `--role=x`, `-nx`, `-fn x`."""
        if word.startswith("--"):
            flag, sign, value = word.partition("=")
            return flag, value if sign else None
        for at, letter in enumerate(word[1:], 1):
            if self.placeholder(f"-{letter}") and at + 1 < len(word):
                return f"-{letter}", word[at + 1 :]
        return f"-{word[-1]}", None

    def placeholder(self, flag: str) -> str:
        """Return the placeholder of a flag; empty if it takes no value, or there is no such flag."""
        return next((placeholder for flags, placeholder, _ in self.command.options if flag in flags.split()), "")

    def _all_flags(self, flag: str) -> list[str]:
        """Return all spellings of an option that can be given once."""
        return next(
            (flags.split() for flags, placeholder, _ in self.command.options if flag in flags.split() and "..." not in placeholder), []
        )


def understand(words: Sequence[str], commands: Mapping[str, Command] = COMMANDS) -> Wish:
    """Return what the last of the words after `jobwire` can be."""
    wish = _understand(words, commands)
    begun = wish.typed.rfind(",") + 1 if wish.kind in _IN_A_LIST else 0
    if wish.kind == AFTER and wish.typed.startswith(_CONDITIONS):
        begun = wish.typed.index(":") + 1
    return wish._replace(before=wish.before + wish.typed[:begun], typed=wish.typed[begun:])


def _understand(words: Sequence[str], commands: Mapping[str, Command]) -> Wish:
    line = _Line(commands)
    *before, typed = words or [""]
    for at, word in enumerate(before):
        if not line.add(word):
            return Wish("", typed)
        if line.arguments and line.command.ends_options:
            return Wish(PROGRAM, typed, line.path, at=at)
    return _last(line, typed, len(before))


def _last(line: _Line, typed: str, at: int) -> Wish:
    here = Wish("", typed, line.path, used=frozenset(line.used), context=line.context, roster=line.roster, at=at)
    if line.open:
        return here._replace(kind=_kind(line, line.open, line.placeholder(line.open)))
    if typed.startswith("-") and not line.options_ended:
        flag, value = line.split(typed) if len(typed) > 1 else (typed, None)
        if value is None:
            return here._replace(kind=FLAG)
        kind = _kind(line, flag, line.placeholder(flag))
        return here._replace(kind=kind, typed=value, before=typed[: len(typed) - len(value)])
    if line.subcommands or line.command.ends_options:
        return here._replace(kind=SUBCOMMAND if line.subcommands else PROGRAM)
    return here._replace(kind=_argument(line, typed))


def _argument(line: _Line, typed: str) -> str:
    """Return the kind of the next argument; where none can follow, only options can."""
    places = line.command.arguments
    if line.arguments < len(places):
        return _kind(line, "", places[line.arguments])
    if places and "..." in places[-1]:
        return _kind(line, "", places[-1])
    return "" if line.options_ended or typed else FLAG


def _kind(line: _Line, flag: str, placeholder: str) -> str:
    if flag in _OF_A_FLAG:
        return _OF_A_FLAG[flag]
    if not flag and line.path in _NAMES_A_CONTEXT:
        return CONTEXT
    if not flag and not line.arguments and line.path in _NAMES_A_MEMBER:
        return MEMBER
    bare = placeholder.removesuffix("...")
    return _SPELLED.get(bare) or next((name for name in bare.strip("[]").split("|") if name in _KINDS), "")
