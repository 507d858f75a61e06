"""Lists of shell commands, one per line, as parallel and xargs read them; and task files of disBatch."""

from __future__ import annotations

import re

from ....schemas.refusal import Code, Refused
from ...batch.forms.counting import MOST_JOBS
from ...batch.forms.shell_words import cut, has_open_quote
from ..draft import Draft, Table
from ..remarks import Remarks
from .shell_line import command_argv, joined_lines, logical_lines

_DIRECTIVE = re.compile(r"#DISBATCH\s+(\S+)\s*(.*)", re.DOTALL)
_REPEAT = re.compile(r"(\d{1,6})(?:\s+start\s+(\d{1,9}))?(?:\s+step\s+(\d{1,9}))?(?:\s+(\S.*))?", re.ASCII)
# What ends a here-document.
_MARK = re.compile(r"-?[ \t]*['\"\\]?[A-Za-z_]")
_INDEX = "DISBATCH_REPEAT_INDEX"


def convert_lines(text: str, remarks: Remarks) -> Draft:
    """Return a batch with a job for each line.

    Raises `Refused` if there is none, or too many.
    """
    if "#DISBATCH" in text:
        return _TaskFile(remarks).draft(text)
    lines = list(logical_lines(text))
    for number, line in lines:
        _remark_on_rest(number, line, remarks)
    draft = Draft(defaults={"env_all": True}, jobs=[{"argv": command_argv(line)} for _, line in lines])
    _check(draft)
    return draft


def _remark_on_rest(number: int, line: str, remarks: Remarks) -> None:
    """Note that a command continues on further lines, which become commands of their own, as for parallel."""
    parts = cut(line)
    what = ""
    if any(operator == "<<" and _MARK.match(rest) for operator, rest in zip(parts[1::2], parts[2::2], strict=True)):
        what = "a here-document begins, and its lines are jobs of their own"
    elif has_open_quote(line):
        what = "a quote has no end on this line, and the next line is a job of its own"
    if what:
        remarks.lost(number, what, "put the command into a script, and write its name here")


def _check(draft: Draft) -> None:
    if not draft.jobs:
        raise Refused(Code.INVALID_ARGUMENT, "there is no command in it", "write one command per line")
    if len(draft.jobs) > MOST_JOBS:
        raise Refused(Code.INVALID_ARGUMENT, f"these are more than {MOST_JOBS} jobs, the limit of a batch", "divide it")


class _TaskFile:
    """A task file of disBatch: commands, and `#DISBATCH` lines that change the commands after them."""

    def __init__(self, remarks: Remarks) -> None:
        self._remarks = remarks
        self._prefix = self._suffix = ""
        self._block = 1
        self._has_jobs = False
        self._after: Table = {}
        self._draft = Draft({"name": "tasks"}, {"env_all": True})

    def draft(self, text: str) -> Draft:
        """Return the batch: the tasks before a barrier share a name, and those after it wait for that name."""
        for first, whole in joined_lines(text):
            if found := _DIRECTIVE.match(whole):
                self._direct(first, found[1].upper(), found[2].strip(), whole.strip())
            elif whole.strip() and not whole.lstrip().startswith("#"):
                _remark_on_rest(first, whole, self._remarks)
                self._add({"argv": command_argv(self._prefix + whole + self._suffix)})
        _check(self._draft)
        return self._draft

    def _add(self, job: Table) -> None:
        self._draft.jobs.append({"name": f"block-{self._block}", **job, **self._after})
        self._has_jobs = True

    def _direct(self, line: int, word: str, rest: str, whole: str) -> None:
        match word:
            case "PREFIX":
                self._prefix = rest + " "
            case "SUFFIX":
                self._suffix = " " + rest
            case "BARRIER" if rest.upper() in {"", "CHECK"}:
                if self._has_jobs:
                    self._after = {"after": {"ok" if rest else "any": [f"block-{self._block}"]}}
                    self._block += 1
                    self._has_jobs = False
            case "REPEAT" if found := _REPEAT.fullmatch(rest):
                count, start, step = int(found[1]), int(found[2] or 0), int(found[3] or 1)
                command = f"{self._prefix}{found[4] or ''}{self._suffix}".strip()
                if count > MOST_JOBS or count == 0 or step == 0 or not command:
                    self._remarks.lost(line, f"{whole} repeats nothing that can be run", "write a number, and a command or a PREFIX")
                    return
                last = start + (count - 1) * step
                more: Table = {"env": {_INDEX: "{item}"}, "for_each": f"{start}..{last}..{step}"}
                self._add({"argv": ["bash", "-c", command], **more})
            case _:
                self._remarks.lost(line, f"{whole} is not understood", "after = [...] makes jobs wait for others")
