"""Command lines of GNU xargs(1): the commands that they would run, as jobs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from ....schemas.refusal import Code, Refused
from ...batch.forms.counting import MOST_JOBS
from ..draft import Draft, Table, name_of
from ..options import Arity, Given, NotOptions, read_options
from ..remarks import Remarks
from .source import Input, at
from .spots import Job, Spot
from .template import Word, tables
from .xargs_input import read_lines

SHORT = {
    **dict.fromkeys("0oprtx", Arity.NONE),
    **dict.fromkeys("adEILnPs", Arity.REQUIRED),
    **dict.fromkeys("eil", Arity.OPTIONAL),
}
LONG = {
    **dict.fromkeys(
        ("null", "interactive", "no-run-if-empty", "verbose", "exit", "open-tty", "show-limits", "help", "version"), Arity.NONE
    ),
    **dict.fromkeys(("arg-file", "delimiter", "max-args", "max-procs", "max-chars", "process-slot-var"), Arity.REQUIRED),
    **dict.fromkeys(("eof", "replace", "max-lines"), Arity.OPTIONAL),
}
_NAMES = (
    "0=null o=open-tty p=interactive r=no-run-if-empty t=verbose x=exit a=arg-file d=delimiter E=eof e=eof I=replace i=replace L=max-lines "
    "l=max-lines n=max-args P=max-procs s=max-chars"
)
_SAME = {short: name for short, _, name in (pair.partition("=") for pair in _NAMES.split())}
_NOTHING_TO_SAY = {"no-run-if-empty", "verbose", "exit", "arg-file", "delimiter", "null"}
_LOST = {
    "interactive": ("a batch does not ask before each job", "look at the jobs with --dry-run, or submit them with --hold"),
    "open-tty": ("jobs of a batch have no terminal", "jobwire run -it, one by one"),
    "process-slot-var": ("jobs do not know the number of their slot", "--only-one or --resource keeps jobs apart"),
}
_INSTEAD = {"max-chars": "-n N gives N arguments to each job"}
_ESCAPE = re.compile(r"\\(?:([abfnrtv\\])|x([0-9a-fA-F]{1,2})|0?([0-7]{1,3}))")
_CONTROLS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


@dataclass(slots=True)
class _Wanted:
    """The parsed options; `replace`: the replacement string for a line in the command."""

    delimiter: str = ""
    replace: str = ""
    most: int = 0
    lines: int = 0
    end: str = ""

    def take_most(self, most: int) -> None:
        """Heed -n, which replaces -I and -L that stand before it, but -n 1 does not replace -I."""
        if most > 1 or not self.replace:
            self.most, self.lines, self.replace = most, 0, ""


def convert_xargs(words: Sequence[str], line: int, given: Input, remarks: Remarks) -> Draft:
    """Return the batch of a command line; its first word is `xargs`.

    Raises `Refused` if it cannot be converted.
    """
    try:
        found = read_options(words[1:], SHORT, LONG, _SAME)
    except NotOptions as problem:
        raise Refused(Code.INVALID_ARGUMENT, f"{at(line)}xargs: {problem}", "see man xargs") from None
    wanted, draft = _Wanted(), Draft(defaults={"env_all": True})
    # Without -P, it runs one after the other.
    draft.head["parallel"] = 1
    file = given.file
    for option in found.options:
        file = option.value if option.name == "arg-file" else file
        _take(option, wanted, draft, line, remarks)
    if draft.head["parallel"] == 0:
        del draft.head["parallel"]
    items = _items(given.text(file, line, "xargs"), wanted)
    command = found.rest or ["echo"]
    if not command[0]:
        raise Refused(Code.INVALID_ARGUMENT, f"{at(line)}the command of xargs has no name")
    if not items:
        raise Refused(Code.INVALID_ARGUMENT, "xargs gets no argument from its input, so there is no job", "give it the lines it is to read")
    if any("255" in word for word in command):
        remarks.note(line, "xargs stops when a command exits with 255", 'on_failure = "cancel-rest" in [batch] stops after any failure')
    name = name_of(command[0].rpartition("/")[2])
    draft.head = {**({"name": name} if name else {}), **draft.head}
    more: Table = {"name": name} if name else {}
    if wanted.replace:
        jobs = [Job([item], number) for number, item in enumerate((item for group in items for item in group), 1)]
        draft.jobs = tables([_replaced(word, wanted.replace) for word in command], jobs, more)
        return draft
    for count, some in groupby(_jobs(items, wanted), key=lambda job: len(job.values)):
        argv: list[Word] = [[word] for word in command]
        argv += [[Spot(f"v{place + 1}", place)] for place in range(count)]
        draft.jobs += tables(argv, list(some), more)
    return draft


def _take(option: Given, wanted: _Wanted, draft: Draft, line: int, remarks: Remarks) -> None:
    match option.name:
        case "null":
            wanted.delimiter = "\0"
        case "delimiter":
            wanted.delimiter = _delimiter(option, line)
        case "replace":
            wanted.replace, wanted.most, wanted.lines = option.value or "{}", 0, 0
        case "max-args":
            wanted.take_most(_number(option, line, fewest=1))
        case "max-lines":
            wanted.lines, wanted.most, wanted.replace = _number(option, line, fewest=1, default=1), 0, ""
        case "max-procs":
            draft.head["parallel"] = min(_number(option, line, fewest=0), MOST_JOBS)
        case "eof":
            wanted.end = option.value
        case name if name in _LOST:
            remarks.lost(line, f"{option.said}: {_LOST[name][0]}", _LOST[name][1])
        case name if name not in _NOTHING_TO_SAY:
            remarks.note(line, f"{option.said} has no meaning in a batch", _INSTEAD.get(name, ""))
        case _:
            pass


def _delimiter(option: Given, line: int) -> str:
    said = option.value
    char = _char(found) if (found := _ESCAPE.fullmatch(said)) else said
    if len(char) != 1 or not char.isascii():
        what = f"{at(line)}xargs: {option.said}: {said!r} is not one character, such as , or \\n"
        raise Refused(Code.INVALID_ARGUMENT, what, "see man xargs")
    return char


def _char(found: re.Match[str]) -> str:
    if found[1]:
        return _CONTROLS[found[1]]
    return chr(int(found[2], 16) if found[2] else int(found[3], 8) & 0xFF)


def _number(option: Given, line: int, *, fewest: int, default: int | None = None) -> int:
    if not option.value and default is not None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", option.value) or int(option.value) < fewest:
        what = f"{at(line)}xargs: {option.said}: {option.value!r} is not a number of {fewest} or more"
        raise Refused(Code.INVALID_ARGUMENT, what)
    return int(option.value)


def _items(text: str, wanted: _Wanted) -> list[list[str]]:
    """Return the arguments that are in the input, by line; one line has all if lines mean nothing.

    Raises `Refused` for a quotation without an end.
    """
    if "\0" in text and wanted.delimiter != "\0":
        raise Refused(Code.INVALID_ARGUMENT, "the input of xargs has NUL bytes", "xargs -0 takes what is between them")
    if wanted.delimiter:
        parts = text.split(wanted.delimiter)
        return [[part] for part in (parts if parts[-1] else parts[:-1])]
    return read_lines(text, end=wanted.end, whole=bool(wanted.replace))


def _replaced(word: str, sign: str) -> Word:
    spot = Spot("value", 0)
    parts = word.split(sign)
    made: Word = [parts[0]]
    for part in parts[1:]:
        made += [spot, part]
    return [part for part in made if part != ""]


def _jobs(lines: Sequence[Sequence[str]], wanted: _Wanted) -> list[Job]:
    """Return the jobs: the arguments of so many lines for each, or so many arguments, or all."""
    if wanted.lines:
        jobs = [[item for line in lines[at : at + wanted.lines] for item in line] for at in range(0, len(lines), wanted.lines)]
    else:
        items = [item for line in lines for item in line]
        jobs = [items[at : at + wanted.most] for at in range(0, len(items), wanted.most)] if wanted.most else [items]
    return [Job(values, number) for number, values in enumerate(jobs, 1)]
