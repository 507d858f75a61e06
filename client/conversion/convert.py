"""Convert a file of another tool into a batch file. Pure: texts in, a text and remarks out."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...schemas.refusal import Code, Refused
from ...schemas.text.plain_text import NotText, decode_text
from ..batch.forms.shell_words import NotWords
from .commands.command_list import convert_lines
from .commands.parallel import VALUES, braces, convert_parallel
from .commands.shell_line import Command, logical_lines, read_command
from .commands.source import Input
from .commands.xargs import convert_xargs
from .draft import Draft
from .remarks import Remark, Remarks
from .slurm.batch_script import Script, convert_slurm
from .slurm.directives import is_slurm
from .slurm.said import Said, SaidOption, note_options

NEWLINE = "\n"
SLURM, PARALLEL, XARGS, LINES = FORMS = ("slurm", "parallel", "xargs", "lines")
_COMMANDS = {PARALLEL: convert_parallel, XARGS: convert_xargs}
# What may be given as words.
COMMANDS = ("sbatch", *_COMMANDS)
_IN_WORDS = {
    SLURM: "a script of Slurm",
    PARALLEL: "a command line of GNU parallel",
    XARGS: "a command line of xargs",
    LINES: "a list of commands",
}
_BATCH = re.compile(r"\s*\[(?:batch|defaults|set|\[job\])\]", re.MULTILINE)
_OTHER_SCHEDULERS = re.compile(r"^#(PBS|BSUB|\$ -|COBALT|OAR)", re.MULTILINE)


class Converted(NamedTuple):
    """A batch file, the format that was recognised, the remarks, and the name of the file that they are about."""

    text: str
    form: str
    remarks: list[Remark]
    name: str

    @property
    def is_whole(self) -> bool:
        """Whether nothing essential was lost."""
        return not any(remark.is_lost for remark in self.remarks)


class Origin(NamedTuple):
    """The source of a text: its name in messages; its path for the batch file, empty if there is none; and the current folder."""

    name: str
    path: str
    folder: str


def convert_text(text: str, origin: Origin, read: Callable[[str], str], form: str | None = None) -> Converted:
    """Return the conversion of a file. `read` returns the text of other files that it names.

    Raises `Refused` if it cannot be converted.
    """
    if (at := text.find("\0")) >= 0:
        try:
            decode_text(os.fsencode(text))
        except NotText as wrong:
            raise Refused(Code.INVALID_ARGUMENT, f"line {wrong.line}: {wrong.what}", wrong.next_step) from None
        raise Refused(Code.INVALID_ARGUMENT, f"line {text.count(NEWLINE, 0, at) + 1}: it has a NUL byte, which is not allowed in text")
    remarks = Remarks()
    form = form or guess(text)
    if form == SLURM:
        draft = convert_slurm(text, Script(origin.path, origin.folder), {}, remarks)
    elif form == LINES:
        draft = convert_lines(text, remarks)
    else:
        command, others = _find(text, form)
        for number in others:
            remarks.lost(number, "this line is left out", f"only the command {form} on line {command.line} becomes a batch")
        try:
            draft = _of_command(command, form, Input(read, command.input_file, command.producer), remarks)
        except Refused as refused:
            for remark in remarks.sorted():
                refused.add_note(remark.sentence(origin.name))
            raise
    return _finished(draft, form, origin.name, remarks)


def convert_command(words: Sequence[str], origin: Origin, read: Callable[[str], str]) -> Converted:
    """Return the conversion of a command line of `sbatch`, `parallel` or `xargs`; its values may be on stdin.

    Raises `Refused` if it cannot be converted.
    """
    if any("\0" in word for word in words):
        raise Refused(Code.INVALID_ARGUMENT, "a word of the command has a NUL byte, which no program can be given")
    remarks = Remarks()
    program = words[0].rpartition("/")[2]
    if program == "sbatch":
        said: Said = {}
        rest = note_options(words[1:], 0, said, remarks)
        if (wrapped := said.pop("wrap", None)) is not None:
            # As sbatch makes a script of it.
            said = {"job-name": SaidOption("wrap", wrapped.said, 0), **said}
            draft = convert_slurm(f"#!/bin/sh\n{wrapped.value}\n", Script("", origin.folder, rest), said, remarks)
            return _finished(draft, SLURM, origin.name, remarks)
        if not rest:
            raise Refused(Code.INVALID_ARGUMENT, "sbatch is given no script", "name it: jobwire convert -- sbatch --array=1-10 job.sh")
        script = Script(rest[0], origin.folder, rest[1:])
        return _finished(convert_slurm(read(rest[0]), script, said, remarks), SLURM, rest[0], remarks)
    if program not in _COMMANDS:
        what = f"{program} is none of sbatch, parallel and xargs"
        raise Refused(Code.INVALID_ARGUMENT, what, "jobwire submit -- COMMAND starts a command")
    command = Command(0, list(words), [])
    return _finished(_of_command(command, program, Input(read, has_stdin=True), remarks), program, origin.name, remarks)


def guess(text: str) -> str:
    """Return the format of a text.

    Raises `Refused` for an unknown one.
    """
    if is_slurm(text):
        return SLURM
    if _BATCH.search(text):
        raise Refused(Code.INVALID_ARGUMENT, "this is a batch file", "jobwire batch FILE submits it")
    if found := _OTHER_SCHEDULERS.search(text):
        what = f"this is a script with lines #{found[1]}, which are not understood"
        raise Refused(Code.INVALID_ARGUMENT, what, "write the options of its job by hand: jobwire submit --help")
    for form in _COMMANDS:
        try:
            _find(text, form)
        except Refused:
            continue
        return form
    if text.startswith("#!"):
        what = "this is a script without lines #SBATCH"
        raise Refused(Code.INVALID_ARGUMENT, what, "jobwire submit --script FILE runs it; --from lines makes each line a job")
    return LINES


def _find(text: str, form: str) -> tuple[Command, list[int]]:
    """Return the first command of a format, and the lines with others."""
    found: Command | None = None
    others: list[int] = []
    for number, line in logical_lines(text):
        try:
            command = read_command(number, line, frozenset([form])) if found is None else None
        except NotWords as problem:
            raise Refused(
                Code.INVALID_ARGUMENT, f"line {number}: {problem}", "jobwire convert -- COMMAND takes it from your shell"
            ) from None
        if command is None:
            others.append(number)
        else:
            found = command
    if found is None:
        what = f"there is no command {form} in it"
        raise Refused(Code.INVALID_ARGUMENT, what, f"give the command itself: jobwire convert -- {form} ...")
    return found, others


def _of_command(command: Command, form: str, given: Input, remarks: Remarks) -> Draft:
    for word in dict.fromkeys(command.unexpanded):
        if _stays(word, command.words, form):
            instead = f"let your shell do it: jobwire convert -- {form} ..."
            remarks.lost(command.line, f"{word} is left unchanged, because no shell reads it", instead)
    if command.rest:
        remarks.lost(command.line, f"{command.rest} is left out", "jobwire logs RUN prints the output of all jobs")
    return _COMMANDS[form](command.words, command.line, given, remarks)


def _stays(word: str, words: Sequence[str], form: str) -> bool:
    """Return whether something that a shell would have expanded means another thing now."""
    if form != "parallel" or not word.startswith("{"):
        return True
    # Braces in the command are expanded by the shell that runs it, and those that are a value by themselves if they are a range of numbers.
    values = words[words.index(VALUES) :] if VALUES in words else []
    return any(word in value and (value != word or braces(word) == [word]) for value in values)


def _finished(draft: Draft, form: str, name: str, remarks: Remarks) -> Converted:
    found = remarks.sorted()
    comments = [f"Made by jobwire convert from {_IN_WORDS[form]}."]
    if lost := [remark for remark in found if remark.is_lost]:
        comments += ["", "This is missing:", *(f"  {remark.sentence(name)}" for remark in lost)]
    return Converted(draft.text(_printable(comment) for comment in comments), form, found, name)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
