"""The man pages: one for `jobwire`, one for each command. Pure: definitions in, roff out, as man(7) describes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from .definitions import CommandText

_STATUSES = (
    ("0", "Success."),
    ("1", "The request was refused, or one of several jobs failed."),
    ("2", "The command line or a file is not valid; nothing was sent."),
    ("124", "A timeout passed, or the job exceeded its time limit."),
    ("125", "The worker cannot be reached, output cannot be written, or the job is lost."),
    ("130", "Interrupted by Ctrl-C."),
    ("141", "The output has no reader."),
)
_OF_THE_JOB = "jobwire run, submit --wait and wait for one job exit with the status of the job; 128+N means that signal N ended it."
_VARIABLES = (
    ("JOBWIRE_CONTEXT", "The context to use."),
    ("JOBWIRE_CONFIG", "The config folder. Default: $XDG_CONFIG_HOME/jobwire, else ~/.config/jobwire."),
    ("JOBWIRE_STATE", "The state folder. Default: $XDG_STATE_HOME/jobwire, else ~/.local/state/jobwire."),
)
_ESCAPES = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}


def pages(commands: Sequence[CommandText], examples: Mapping[str, Sequence[str]], version: str) -> dict[str, str]:
    """Return the pages by their file names."""
    return {f"{_name(command)}.1": _page(command, commands, examples[command.path], version) for command in commands}


def _name(command: CommandText) -> str:
    return command.path.replace(" ", "-")


def _page(command: CommandText, commands: Sequence[CommandText], examples: Sequence[str], version: str) -> str:
    name, below = _name(command), _below(command, commands)
    lines = [
        f'.TH "{name.upper()}" 1 "" "jobwire {version}" "jobwire manual"',
        ".SH NAME",
        rf"{_text(name)} \- {_text(_as_phrase(command.help[0]))}",
        ".SH SYNOPSIS",
        rf"\fB{_text(command.path)}\fR {_synopsis(command, is_group=bool(below))}",
        ".SH DESCRIPTION",
        *_paragraphs(command.help),
    ]
    if below:
        lines += [".SH COMMANDS", *_entries((rf"\fB{_text(_name(part))}\fR(1)", part.help[0]) for part in below)]
    arguments = [(_placeholder(argument.placeholder), argument.help) for argument in command.arguments]
    if arguments:
        lines += [".SH ARGUMENTS", *_entries(arguments)]
    lines += [".SH OPTIONS", *_entries((_flags(option.flags, option.placeholder), option.help) for option in command.options)]
    if command.path == "jobwire":
        lines += [".SH EXIT STATUS", _text(_OF_THE_JOB), *_entries(_STATUSES), ".SH ENVIRONMENT", *_entries(_VARIABLES)]
    lines += [".SH EXAMPLES", ".EX", *(_line(f"$ {example}") for example in examples), ".EE"]
    above = [command.path.rpartition(" ")[0]] if " " in command.path else []
    if above:
        lines += [".SH SEE ALSO", rf"\fB{_text(above[0].replace(' ', '-'))}\fR(1)"]
    return "\n".join(lines) + "\n"


def _below(command: CommandText, commands: Iterable[CommandText]) -> list[CommandText]:
    return [other for other in commands if other.path.rpartition(" ")[0] == command.path]


def _as_phrase(sentence: str) -> str:
    """Return a summary as the NAME section has it: without a capital and a full stop."""
    is_word = sentence[1:2].islower() or sentence[1:2] == " "
    return (sentence[0].lower() if is_word else sentence[0]) + sentence[1:].rstrip(".")


def _synopsis(command: CommandText, *, is_group: bool) -> str:
    parts = [r"[\fIOPTION\fR]...", *(_placeholder(argument.placeholder) for argument in command.arguments)]
    return " ".join([*parts, *([r"\fICOMMAND\fR ..."] if is_group else [])])


def _placeholder(text: str) -> str:
    # Only what is to be replaced is in italics: the words in capitals.
    return re.sub(r"[A-Z_]{1,}(?![a-z])", lambda found: rf"\fI{found[0]}\fR", _text(text))


def _flags(flags: Sequence[str], placeholder: str) -> str:
    shown = ", ".join(rf"\fB{_text(flag)}\fR" for flag in flags)
    return f"{shown} {_placeholder(placeholder.removesuffix('...'))}" if placeholder else shown


def _paragraphs(texts: Iterable[str]) -> list[str]:
    return [line for text in texts for line in (".PP", _line(text))]


def _entries(entries: Iterable[tuple[str, str]]) -> list[str]:
    return [line for tag, text in entries for line in (".TP", tag, _line(text))]


def _line(text: str) -> str:
    # A line that begins so would be a request to the formatter.
    return rf"\&{_text(text)}" if text[:1] in {".", "'"} else _text(text)


def _text(text: str) -> str:
    return "".join(_ESCAPES.get(char, char) for char in text)
