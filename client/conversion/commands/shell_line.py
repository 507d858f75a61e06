"""The first command of a shell text: its words, its input, and what a shell would also have done.

Runs no shell. Quotes and backslashes have the meaning that they have in sh(1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ...batch.forms.shell_words import Continuation, NotWords, cut, divide

# Commands and words of bash(1) for which there is no program, or another one.
_WORDS_OF_SHELLS = (
    ". : [[ alias case cd command declare eval exec exit export for function if let local read readonly return set shift shopt source time "
    "times trap type ulimit umask unset until wait while {"
)
_OF_SHELLS = frozenset(["", *_WORDS_OF_SHELLS.split()])
_CAT = re.compile(r"\s*cat\s+(\S.*?)\s*")


class Command(NamedTuple):
    """A command: the line on which it begins, its words, and those that a shell would have expanded.

    `input_file`: the file that it reads; `producer`: the commands before a `|`; `rest`: what follows, such as `> FILE`.
    """

    line: int
    words: list[str]
    unexpanded: list[str]
    input_file: str = ""
    producer: str = ""
    rest: str = ""


def joined_lines(text: str) -> Iterator[tuple[int, str]]:
    """Iterate over the lines by number; one that a shell continues on the next line is joined with it."""
    begun: list[str] = []
    number, continuation = 0, Continuation()
    for at, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        number = number or at
        if continuation.continues(line):
            begun.append(line[:-1])
            continue
        yield number, "".join([*begun, line])
        begun, number = [], 0
    if begun:
        yield number, "".join(begun)


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Iterate over `joined_lines` that are neither empty nor comments."""
    for number, line in joined_lines(text):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line


def read_command(line: int, text: str, programs: frozenset[str]) -> Command | None:
    """Return the command that calls one of these programs; None if there is none.

    Raises NotWords for a text with an unterminated quotation.
    """
    parts = cut(text)
    for place in range(0, len(parts), 2):
        first = parts[place].split(maxsplit=1)[:1]
        if not first or first[0].rpartition("/")[2] not in programs:
            continue
        divided = divide(parts[place])
        producer, rest = "".join(parts[: max(0, place - 1)]).strip(), parts[place + 1 :]
        source = ""
        if len(rest) > 1 and rest[0] == "<" and len(named := divide(rest[1])[0]) == 1:
            source, rest = named[0], rest[2:]
        elif producer and parts[place - 1] == "|" and (found := _CAT.fullmatch(producer)) and len(named := divide(found[1])[0]) == 1:
            source, producer = named[0], ""
        return Command(line, divided.words, divided.unexpanded, source, producer, " ".join(rest).strip())
    return None


def needs_shell(text: str) -> bool:
    """Return whether a command has another meaning without a shell."""
    try:
        divided = divide(text)
    except NotWords:
        return True
    return bool(divided.unexpanded) or not divided.words or divided.words[0] in _OF_SHELLS


def command_argv(text: str) -> list[str]:
    """Return the argv of a command as a shell would run it: its words if no shell is needed."""
    return ["bash", "-c", text] if needs_shell(text) else divide(text).words
