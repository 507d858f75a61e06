"""Slurm scripts: what sbatch(1) would have run, as a batch. The script itself runs unchanged."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ....schemas.refusal import Refused
from ...batch.expansion.array_indexes import Array, parse_array
from ...batch.forms.counting import MOST_JOBS
from ..draft import Draft, Table, Value, duration_text, each, literal, name_of
from ..remarks import Remarks
from .directives import read_directives, remark_on_commands, shebang, used_variables
from .options import LOST, NOTES
from .resources import Resources
from .said import Said, SaidOption, note_options
from .values import NotValue, moment_of, seconds_of

_MOST_PRIORITY = 1000
_MOST_DIGITS = 5
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SUBMITTED_SCRIPT = "slurm_script"
_CAN_TAKE_A_TEXT = {"sh", "bash", "dash", "ksh", "zsh", "python", "python3"}
# What only the running job knows, for the shell before the script.
_KNOWN_THEN = {
    **dict.fromkeys(("SLURM_JOB_ID", "SLURM_JOBID"), "$JOBWIRE_JOB_ID"),
    **dict.fromkeys(("SLURM_JOB_NODELIST", "SLURM_NODELIST", "SLURMD_NODENAME", "SLURM_SUBMIT_HOST"), "$(uname -n)"),
}
# The conditions of Slurm, as those of jobwire.
_WHEN = {"afterok": "ok", "afternotok": "failed", "afterany": "any", "afterburstbuffer": "any"}
_SIGNALS = {"HUP", "INT", "QUIT", "USR1", "USR2", "TERM", "CONT"}
_ONE = ("SLURM_JOB_NUM_NODES", "SLURM_NNODES")
_FIRST = ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_RESTART_COUNT")


class Script(NamedTuple):
    """A script that is submitted in a folder, with arguments. `path`: for the batch file; empty if only its text is known."""

    path: str
    folder: str
    arguments: Sequence[str] = ()


def convert_slurm(text: str, script: Script, over: Said, remarks: Remarks) -> Draft:
    """Return the batch that a script describes; `over`: the options on sbatch's command line, which override those in it.

    Raises `Refused` if it cannot be converted.
    """
    said: Said = {}
    for directive in read_directives(text, remarks):
        if rest := note_options(directive.words, directive.line, said, remarks):
            remarks.note(
                directive.line, f"{' '.join(rest)} is not an option: sbatch ignores the lines #SBATCH after it, but here they apply"
            )
    said |= over
    return _Conversion(text, script, said, remarks).draft()


class _Conversion:
    def __init__(self, text: str, script: Script, said: Said, remarks: Remarks) -> None:
        self._text = text
        self._script = script
        self._said = said
        self._remarks = remarks
        self._job: Table = {}
        self._array: Array | None = None
        self._head: Table = {}
        self._variables: dict[str, str] = {}
        self._dynamic: list[str] = []

    def draft(self) -> Draft:
        """Return the batch."""
        self._take_name()
        self._take_array()
        resources = Resources(self._said, self._remarks)
        self._job |= resources.keys
        self._variables |= resources.variables
        self._take_times()
        self._take_place()
        self._take_order()
        self._take_environment()
        for name, said in self._said.items():
            if name in LOST:
                self._remarks.lost(said.line, f"{said.shown} is dropped", LOST[name])
            elif name in NOTES:
                self._remarks.note(said.line, f"{said.shown} has no effect", NOTES[name])
        remark_on_commands(self._text, self._remarks)
        self._job = {"name": self._job["name"], **self._command(), **self._job}
        return Draft(self._head, {}, [self._whole_job()])

    def _take_name(self) -> None:
        said = self._said.get("job-name")
        wanted = said.value if said else self._script.path.rpartition("/")[2] or "sbatch"
        name = name_of(wanted) or "job"
        if name != wanted and said:
            self._remarks.note(said.line, f"{said.shown}: the name becomes {name}, because names have only letters, digits and _.+-")
        self._head["name"] = name
        self._job["name"] = name
        self._variables["SLURM_JOB_NAME"] = wanted

    def _take_array(self) -> None:
        if (said := self._said.get("array")) is None:
            return
        try:
            array = parse_array(said.value, MOST_JOBS)
        except Refused as refused:
            self._remarks.lost(said.line, f"{said.shown}: {refused.message}", refused.next_step)
            return
        self._array = Array(sorted(array.indexes), array.parallel)
        if array.parallel:
            self._head["parallel"] = array.parallel
        indexes = self._array.indexes
        steps = {later - earlier for earlier, later in pairwise(indexes)}
        self._variables |= {
            "SLURM_ARRAY_TASK_COUNT": str(len(indexes)),
            "SLURM_ARRAY_TASK_MIN": str(indexes[0]),
            "SLURM_ARRAY_TASK_MAX": str(indexes[-1]),
            "SLURM_ARRAY_TASK_STEP": str(steps.pop() if len(steps) == 1 else 1),
            "SLURM_ARRAY_JOB_ID": str(self._head["name"]),
        }

    def _take_times(self) -> None:
        limit = None
        if (said := self._said.get("time")) is not None:
            try:
                limit = seconds_of(said.value)
            except NotValue as problem:
                self._remarks.lost(said.line, f"{said.shown}: {problem}", 'time_limit = "2h"')
        if (said := self._said.get("signal")) is not None:
            limit = self._take_signal(said, limit)
        if limit is not None:
            self._job["time_limit"] = duration_text(limit)
        if (said := self._said.get("begin")) is not None:
            try:
                if moment := moment_of(said.value):
                    self._job["at"] = moment
            except NotValue as problem:
                self._remarks.lost(said.line, f"{said.shown}: {problem}", "jobwire batch --at TIME FILE")

    def _take_signal(self, said: SaidOption, limit: int | None) -> int | None:
        what, _, seconds = said.value.rpartition(":")[2].partition("@")
        name = what.upper().removeprefix("SIG")
        early = _whole(seconds or "60")
        if name not in _SIGNALS or limit is None or not 0 < early < limit:
            instead = 'stop = { signal = "USR1", grace = "60s" } with a shorter time_limit'
            self._remarks.lost(said.line, f"{said.shown} is dropped", instead)
            return limit
        self._job["stop"] = {"signal": name, "grace": duration_text(early)}
        how = f"the job gets {name} as its stop signal, at a time limit that is {early} s earlier, and then counts as timed out"
        self._remarks.note(said.line, f"{said.shown}: {how}")
        return limit - early

    def _take_place(self) -> None:
        folder = self._script.folder
        if (said := self._said.get("chdir")) is not None:
            folder = said.value if said.value.startswith("/") else f"{folder.rstrip('/')}/{said.value}"
        folder = folder.replace("$", "\\$")
        self._job["dir"] = folder
        self._variables["SLURM_SUBMIT_DIR"] = self._script.folder
        if (said := self._said.get("input")) is not None:
            if "%" in said.value:
                self._remarks.lost(said.line, f"{said.shown}: a name with % is not understood", 'stdin = "FILE"')
            elif said.value not in {"", "/dev/null", "none"}:
                self._job["stdin"] = said.value if said.value.startswith("/") else f"{folder}/{said.value}"

    def _take_order(self) -> None:
        if (said := self._said.get("dependency")) is not None:
            for part in said.value.replace("?", ",").split(","):
                if part.strip() == "singleton":
                    self._job["only_one"] = str(self._head["name"])
                elif part.strip():
                    when = _WHEN.get(part.strip().partition(":")[0], "ok")
                    what = f"--dependency={part}: a number of Slurm names no job here"
                    self._remarks.lost(said.line, what, f"jobwire batch --after {when}:JOB FILE")
            if "?" in said.value:
                self._remarks.lost(
                    said.line, f"{said.shown}: one of these is enough for Slurm", "jobs wait until all of their conditions hold"
                )
        if self._said.get("hold") is not None:
            self._job["hold"] = True
        if (said := self._said.get("nice")) is not None:
            try:
                wanted = int((said.value or "100")[:12])
            except ValueError:
                self._remarks.lost(said.line, f"{said.shown}: this is not a number", "priority = -10")
                return
            self._job["priority"] = max(-_MOST_PRIORITY, min(_MOST_PRIORITY, -wanted))

    def _take_environment(self) -> None:
        used = used_variables(self._text)
        self._dynamic = [name for name in used if name in _KNOWN_THEN]
        fixed = {**self._variables, **dict.fromkeys(_ONE, "1"), **dict.fromkeys(_FIRST, "0")}
        always = ["SLURM_CPUS_PER_TASK"] if "SLURM_CPUS_PER_TASK" in fixed else []
        environment = {name: literal(fixed[name]) if self._array else fixed[name] for name in (*always, *used) if name in fixed}
        if self._array:
            environment = {"JOBWIRE_ARRAY_INDEX": "{item}", "SLURM_ARRAY_TASK_ID": "{item}", **environment}
        for name, line in used.items():
            self._remark_on_variable(name, line, {*fixed, *environment})
        own = self._take_export()
        names = {part.partition("=")[0] for part in own}
        kept = {name: value for name, value in environment.items() if name not in names}
        if own:
            self._job["env"] = [*(f"{name}={value}" for name, value in kept.items()), *(str(self._literal(part)) for part in own)]
        elif environment:
            self._job["env"] = environment

    def _remark_on_variable(self, name: str, line: int, known: set[str]) -> None:
        if name in {"SLURM_JOB_ID", "SLURM_JOBID"}:
            self._remarks.note(line, f"{name} is the id of the job, not a number")
        elif name == "SLURM_ARRAY_JOB_ID" and self._array:
            self._remarks.note(line, f"{name} is {self._head['name']}, the name of the batch: runs have no number")
        elif name not in known and name not in _KNOWN_THEN:
            self._remarks.lost(line, f"{name} is not set", f'set it: env = {{ {name} = "..." }}')

    def _take_export(self) -> list[str]:
        """Return the exported variables; `ALL` is the default, as for sbatch."""
        own: dict[str, str] = {}
        said = self._said.get("export")
        for part in filter(None, (part.strip() for part in (said.value if said else "ALL").split(","))):
            if part == "ALL":
                self._job["env_all"] = True
            elif _VARIABLE.fullmatch(part.partition("=")[0]) is None:
                self._remarks.lost(said.line if said else 0, f"--export: {part!r} is not a variable", 'env = { NAME = "VALUE" }')
            elif part not in {"NONE", "NIL"}:
                own[part.partition("=")[0]] = part
        return list(own.values())

    def _command(self) -> Table:
        """Return what runs the script: the file itself if its path is known, else its text."""
        if "\r\n" in self._text:
            self._remarks.lost(1, "lines end with CR LF, which sbatch refuses too", "dos2unix FILE")
        interpreter = shebang(self._text)
        if not interpreter:
            self._remarks.lost(1, "the first line names no interpreter, and sbatch refuses such a script", "begin it with #!/bin/bash")
            interpreter = ["/bin/sh"]
        arguments = list(self._script.arguments)
        exports = "".join(f'export {name}="{_KNOWN_THEN[name]}"; ' for name in self._dynamic)
        if self._script.path and not exports:
            return {"script": self._script.path, "argv": arguments}
        if self._script.path:
            start = f'{exports}exec {shlex.join(interpreter)} "$JOBWIRE_JOB_DIR/$0" "$@"'
            return {"put": [self._script.path], "argv": ["/bin/sh", "-c", start, self._script.path.rpartition("/")[2], *arguments]}
        if not _CAN_TAKE_A_TEXT & {word.rpartition("/")[2] for word in interpreter}:
            self._remarks.lost(1, f"{interpreter[0]} may not take a program with -c", "save the script in a file, and convert that")
        started = [*interpreter, "-c", self._text, _SUBMITTED_SCRIPT, *arguments]
        return {"argv": ["/bin/sh", "-c", f'{exports}exec "$@"', "sh", *started] if exports else started}

    def _whole_job(self) -> Table:
        if self._array is None:
            return self._job
        job = {key: self._literal(value) if key not in {"env", "for_each"} else value for key, value in self._job.items()}
        job["name"] = f"{self._job['name']}[{{item}}]"
        return {**job, "for_each": each([str(index) for index in self._array.indexes])}

    def _literal(self, value: Value) -> Value:
        if self._array is None:
            return value
        match value:
            case str():
                return literal(value)
            case list():
                return [self._literal(inner) for inner in value]
            case _:
                return value


def _whole(text: str) -> int:
    """Return a number of a few digits; 0 for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else 0
