"""The `#SBATCH` lines of a Slurm script, and what else in it needs Slurm. See sbatch(1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ..remarks import Remarks

_DIRECTIVE = re.compile(r"#SBATCH(?:\s+(.*))?\Z")
_SLURM_VARIABLE = re.compile(r"\bSLURM[D]?_[A-Z0-9_]+\b")
_SLURM_COMMAND = re.compile(
    r"(?:^|[;&|(`]|\b(?:then|do|else|time|exec)\b)\s*(srun|sbatch|salloc|sbcast|scancel|squeue|scontrol|sacct|sattach|sinfo|sstat|mpirun|mpiexec)\b"
)
_DOCUMENT = re.compile(r"""(?<!<)<<-?[ \t]*['"\\]?([A-Za-z_]\w*)""")
_SHELLS = re.compile(r"\b(?:sh|bash|dash|ksh|zsh|ssh|srun|sbatch)\b")
_INSTEAD = {
    "srun": "leave srun out: the program runs once, here",
    "sbatch": "jobwire batch and jobwire submit start other jobs",
    "scancel": "jobwire stop",
    "squeue": "jobwire list",
    "scontrol": "jobwire show; hostnames are those of this machine",
    "sacct": "jobwire list -a",
    "mpirun": "say how many processes: mpirun -n N",
    "mpiexec": "say how many processes: mpiexec -n N",
}


class Directive(NamedTuple):
    """A `#SBATCH` line: its number and its words."""

    line: int
    words: list[str]


class Unmatched(ValueError):  # noqa: N818 -- a fact
    """Raised for a line with an unterminated quotation."""


def is_slurm(text: str) -> bool:
    """Return whether a text is a Slurm script."""
    return any(line.startswith("#SBATCH") for line in text.split("\n"))


def shebang(text: str) -> list[str]:
    """Return the interpreter that the first line names, with its argument; empty without one."""
    first = text.partition("\n")[0]
    return first[2:].strip().split(maxsplit=1) if first.startswith("#!") else []


def read_directives(text: str, remarks: Remarks) -> Iterator[Directive]:
    """Iterate over the directives that Slurm would have read: those before the first command."""
    has_begun = False
    for number, line in enumerate(text.split("\n"), 1):
        found = _DIRECTIVE.match(line)
        if found is None:
            has_begun = has_begun or bool(line.strip() and not line.lstrip().startswith("#"))
        elif has_begun:
            remarks.note(number, f"{line.strip()[:80]} is after the first command, where Slurm does not read it")
        else:
            try:
                yield Directive(number, _words(found[1] or ""))
            except Unmatched as problem:
                remarks.lost(number, f"{line.strip()[:80]}: {problem}")


def _words(line: str) -> list[str]:
    """Return the words of a directive as sbatch divides them: `#` begins a comment anywhere, unless it is quoted."""
    words: list[str] = []
    word: str | None = None
    quote = ""
    escaped = False
    for char in line:
        if escaped:
            word, escaped = (word or "") + char, False
        elif char == "\\":
            escaped = True
        elif quote:
            word, quote = (word or "", "") if char == quote else ((word or "") + char, quote)
        elif char in "'\"":
            quote = char
        elif char == "#":
            break
        elif char.isspace():
            words += [] if word is None else [word]
            word = None
        else:
            word = (word or "") + char
    if quote:
        raise Unmatched(f"{quote} has no end")
    return words if word is None else [*words, word]


def used_variables(text: str) -> dict[str, int]:
    """Return the Slurm variables that the script uses, each with the first line that does."""
    found: dict[str, int] = {}
    for number, line in _code(text):
        for name in _SLURM_VARIABLE.findall(line):
            found.setdefault(name, number)
    return found


def remark_on_commands(text: str, remarks: Remarks) -> None:
    """Note which commands in the script belong to Slurm, or get their number of processes from it."""
    documents = _in_documents(text)
    for number, line in _code(text):
        if number in documents:
            continue
        for command in dict.fromkeys(_SLURM_COMMAND.findall(line)):
            remarks.lost(number, f"{command} needs Slurm", _INSTEAD.get(command, "leave it out"))


def _code(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.lstrip().startswith("#"):
            yield number, line


def _in_documents(text: str) -> frozenset[int]:
    """Return the line numbers of here-documents, except those read by a shell: these are commands again."""
    found: set[int] = set()
    end = ""
    is_read = False
    for number, line in enumerate(text.split("\n"), 1):
        if end:
            if line.strip("\t") == end:
                end = ""
            elif not is_read:
                found.add(number)
        elif begun := _DOCUMENT.search(line):
            end, is_read = begun[1], _SHELLS.search(line) is not None
    # What has no end is none.
    return frozenset(found) if not end else frozenset()
