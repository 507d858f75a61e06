"""A command for many values: where its values go, and the tables `[[job]]` that result.

Knows no tool. A value never becomes part of a shell text: where a shell is needed, it gets the values as arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from ....schemas.refusal import Code, Refused
from ...batch.forms.shell_words import divide
from ..draft import Table, Value, each, literal
from .shell_line import needs_shell
from .spots import Job, Spot

Word: TypeAlias = "list[str | Spot]"

# Stands for a spot in a text that is divided into words; a command line cannot have it.
_MARK = "\0"
_SHELL = "bash"


def marked(place: int) -> str:
    """Return the mark in a shell text for the spot at this place."""
    return f"{_MARK}{place}{_MARK}"


def words_of(text: str, spots: Sequence[Spot]) -> list[Word]:
    """Return the words of a shell command line, with its spots `marked`."""
    if not needs_shell(text):
        return [_inner(word, spots) for word in divide(text).words]
    used = list(dict.fromkeys(spots[place] for place in map(int, text.split(_MARK)[1::2])))
    words: list[Word] = [[_SHELL], ["-c"], [_with_parameters(text, spots, used)]]
    words += [[_SHELL]] if used else []
    words += [[spot] for spot in used]
    return words


def _inner(word: str, spots: Sequence[Spot]) -> Word:
    parts = word.split(_MARK)
    return [spots[int(part)] if place % 2 else part for place, part in enumerate(parts) if part or place % 2]


def _with_parameters(text: str, spots: Sequence[Spot], used: Sequence[Spot]) -> str:
    """Return the text for `sh -c`, with its parameters at the spots: always one word each, even between quotes."""
    parts = text.split(_MARK)
    made = ""
    for place, part in enumerate(parts):
        if place % 2 == 0:
            made += part
            continue
        parameter = f"${{{used.index(spots[int(part)]) + 1}}}"
        match _quote_at_end("".join(parts[:place:2])):
            case "'":
                made += f"'\"{parameter}\"'"
            case '"':
                made += parameter
            case _:
                made += f'"{parameter}"'
    return made


def _quote_at_end(text: str) -> str:
    """Return the kind of quotes that are open at the end of a text; empty if none are."""
    quote = ""
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\" and quote != "'":
            at += 1
        elif char == quote:
            quote = ""
        elif char in "'\"" and not quote:
            quote = char
        at += 1
    return quote


def tables(words: Sequence[Word], jobs: Sequence[Job], more: Table) -> list[Table]:
    """Return the tables for a command and its jobs, with more keys: one with `for_each`, or the only job unchanged.

    Raises `Refused(INVALID_ARGUMENT)` for a job without a program.
    """
    program = [part for part in words[0] if isinstance(part, Spot)] if all(isinstance(part, Spot) for part in words[0]) else []
    if program and not all("".join(spot.value(job) for spot in program) for job in jobs):
        raise Refused(Code.INVALID_ARGUMENT, "the command of a job has no name", "leave the empty values out")
    if len(jobs) == 1:
        return [{"argv": ["".join(part if isinstance(part, str) else part.value(jobs[0]) for part in word) for word in words], **more}]
    spots = list(dict.fromkeys(part for word in words for part in word if isinstance(part, Spot)))
    argv = ["".join(literal(part) if isinstance(part, str) else _placeholder(part, spots) for part in word) for word in words]
    return [{"argv": argv, "for_each": _values(spots, jobs), **{key: _literal(value) for key, value in more.items()}}]


def _placeholder(spot: Spot, spots: Sequence[Spot]) -> str:
    return "{item}" if len(spots) == 1 else f"{{item.{spot.key}}}"


def _values(spots: Sequence[Spot], jobs: Sequence[Job]) -> Value:
    if len(spots) > 1:
        return [{spot.key: spot.value(job) for spot in spots} for job in jobs]
    return each([spots[0].value(job) if spots else str(job.number) for job in jobs])


def _literal(value: Value) -> Value:
    match value:
        case str():
            return literal(value)
        case list():
            return [_literal(inner) for inner in value]
        case _:
            return value
