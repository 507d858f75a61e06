"""Command lines of GNU parallel: the commands that they would run, as jobs. See parallel(1)."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence
from itertools import groupby, product
from typing import NamedTuple

from ....schemas.refusal import Code, Refused
from ...batch.expansion.ranges import NotRange, parse_range
from ...batch.forms.counting import MOST_JOBS
from ..draft import Draft, Table, duration_text, name_of
from ..options import Given, NotOptions, read_options
from ..remarks import Remarks
from .parallel_options import LONG, LOST, NOTES, OTHER_NAMES, PIPES, SAME, SHORT, SILENT
from .replacement import Replacements
from .shell_line import command_argv
from .source import Input, at
from .spots import Job
from .template import tables, words_of

VALUES = ":::"
_SEPARATORS = {VALUES: False, ":::+": True, "::::": False, "::::+": True}
_PARTS_OF_DAY = re.compile(r"(?=[0-9.])(?:([0-9.]{1,9})d)?(?:([0-9.]{1,9})h)?(?:([0-9.]{1,9})m)?(?:([0-9.]{1,9})s?)?")
_HALTS = {
    **dict.fromkeys(("soon,fail=1", "soon,fail", "1"), "cancel-rest"),
    **dict.fromkeys(("now,fail=1", "now,fail", "2"), "stop-rest"),
}
_NEVER = {"never", "0"}
_LENGTHS = (86_400, 3_600, 60, 1)
_MOST_RETRIES = 100
_MOST_SECONDS = 10**8


class _Column(NamedTuple):
    """The values of one source. `is_linked`: they are paired with those of the column before."""

    values: list[str]
    is_linked: bool = False


def convert_parallel(words: Sequence[str], line: int, given: Input, remarks: Remarks) -> Draft:
    """Return the batch of a command line; its first word is `parallel`.

    Raises `Refused` if it cannot be converted.
    """
    options, rest = _read_options(words, line)
    draft = Draft(defaults={"env_all": True})
    more: Table = {}
    for option in options:
        _take(option, draft, more, line, remarks)
    draft.defaults |= more
    last = {one.name: one.value for one in options}
    command, columns = _sources(rest, options, line, given)
    names = [column.values.pop(0) if column.values else "" for column in columns] if "header" in last and "colsep" not in last else []
    jobs = _combinations(columns, is_linked="link" in last, line=line)
    if "colsep" in last:
        jobs = _split(jobs, last["colsep"], line)
        names = list(jobs.pop(0)) if "header" in last and jobs else names
    # A table is trimmed unless --trim says otherwise; names of columns too.
    sides = last.get("trim") or ("lr" if "colsep" in last else "n")
    jobs = [[_trimmed(value, sides) for value in job] for job in jobs]
    names = [_trimmed(name, sides) for name in names]
    most = _number(last.get("max-replace-args") or last.get("max-args") or "1", line)
    if most > 1:
        flat = [value for job in jobs for value in job]
        jobs = [flat[at : at + most] for at in range(0, len(flat), most)]
    jobs = [job for job in jobs if any(job)] if "no-run-if-empty" in last else jobs
    if most == 0:
        # A job for each value, which does not get it.
        jobs = [[] for _ in jobs]
    if not jobs:
        raise Refused(Code.INVALID_ARGUMENT, f"{at(line)}parallel gets no values, so there is no job", "give it some: ::: a b")
    if len(jobs) > MOST_JOBS:
        raise Refused(Code.INVALID_ARGUMENT, f"{at(line)}these are more than {MOST_JOBS} jobs, the limit of a batch", "divide the values")
    if not command:
        draft.jobs = [{"argv": command_argv(" ".join(job))} for job in jobs if any(job)]
        if not draft.jobs:
            raise Refused(Code.INVALID_ARGUMENT, f"{at(line)}parallel gets no command", "write one, or give it some as values")
        return draft
    _write_jobs(draft, command, jobs, names, last, line, remarks)
    return draft


def _trimmed(value: str, sides: str) -> str:
    value = value.lstrip() if "l" in sides else value
    return value.rstrip() if "r" in sides else value


def _read_options(words: Sequence[str], line: int) -> tuple[list[Given], list[str]]:
    try:
        found = read_options(words[1:], SHORT, LONG, SAME)
    except NotOptions as problem:
        raise Refused(Code.INVALID_ARGUMENT, f"{at(line)}parallel: {problem}", "see man parallel") from None
    options = [one._replace(name=OTHER_NAMES.get(one.name, one.name)) for one in found.options]
    for one in options:
        if one.name in PIPES:
            # What others take for values is one input there.
            what = f"{at(line)}parallel {one.said} gives each job a part of one input, and a batch cannot"
            raise Refused(Code.INVALID_ARGUMENT, what, PIPES[one.name])
    return options, found.rest


def _write_jobs(
    draft: Draft, command: list[str], jobs: list[list[str]], names: Sequence[str], last: dict[str, str], line: int, remarks: Remarks
) -> None:
    name = name_of(command[0].split(maxsplit=1)[0].rpartition("/")[2] if command[0].split() else "")
    if name:
        draft.head = {"name": name, **draft.head}
    sign = last.get("replace-string") or last.get("replace") or "{}"
    numbered = [Job(values, number) for number, values in enumerate(jobs, 1)]
    for columns, some in groupby(numbered, key=lambda job: len(job.values)):
        replaced = Replacements(columns, names, sign)
        # parallel joins the words and gives them to a shell, unless -q is given.
        texts = [replaced.mark(word) for word in command] if "quote" in last else [replaced.mark(" ".join(command))]
        if not replaced.has_found:
            texts = [*texts, replaced.mark(sign)] if "quote" in last else [f"{texts[0]} {replaced.mark(sign)}"]
        for unknown in dict.fromkeys(replaced.unknown):
            remarks.lost(line, f"{unknown} is left unchanged; a batch has no such placeholder", "compute the value before, or in the job")
        texts = [_quoted(text) for text in texts] if "quote" in last else texts
        words = [word for text in texts for word in words_of(text, replaced.spots)]
        draft.jobs += tables(words, list(some), {"name": name} if name else {})


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _take(option: Given, draft: Draft, more: Table, line: int, remarks: Remarks) -> None:
    name, value = option.name, option.value
    if read := _TAKEN.get(name):
        read(option, draft, more, line, remarks)
    elif name == "workdir" and not value.startswith("..."):
        more["dir"] = value
    elif name == "nice" and re.fullmatch(r"-?[0-9]{1,2}", value):
        more["nice"] = int(value)
    elif name in NOTES:
        remarks.note(line, f"{option.said} has no effect", NOTES[name])
    elif name in LOST:
        remarks.lost(line, f"{option.said} {value}".rstrip() + " does not exist in a batch", LOST[name])
    elif name not in SILENT or name in {"workdir", "nice"}:
        remarks.lost(line, f"{option.said} {value}".rstrip() + " is not understood", "see man parallel for what it does")


def _take_jobs(option: Given, draft: Draft, more: Table, line: int, remarks: Remarks) -> None:  # noqa: ARG001 -- one of _TAKEN
    if not re.fullmatch(r"[0-9]{1,9}", option.value):
        what = f"{option.said} {option.value}: a batch takes as many slots as the worker has"
        remarks.note(line, what, "parallel = N in [batch] sets another number")
    elif int(option.value):
        draft.head["parallel"] = min(int(option.value), MOST_JOBS)


def _take_retries(option: Given, draft: Draft, more: Table, line: int, remarks: Remarks) -> None:  # noqa: ARG001 -- as above
    times = _number(option.value, line, option.said)
    if times == 0:
        remarks.lost(line, f"{option.said} 0 means without a limit", "the maximum is retry = 100")
    elif times > 1:
        # Those of parallel count the first attempt too.
        more["retry"] = min(times - 1, _MOST_RETRIES)


def _take_timeout(option: Given, draft: Draft, more: Table, line: int, remarks: Remarks) -> None:  # noqa: ARG001 -- as above
    if seconds := _seconds(option.value):
        more["time_limit"] = duration_text(seconds)
    else:
        remarks.lost(line, f"{option.said} {option.value} cannot be the time limit of a batch", 'time_limit = "10m" in [defaults]')


def _take_halt(option: Given, draft: Draft, more: Table, line: int, remarks: Remarks) -> None:  # noqa: ARG001 -- as above
    if option.value in _HALTS:
        draft.head["on_failure"] = _HALTS[option.value]
    elif option.value not in _NEVER:
        remarks.lost(
            line, f"{option.said} {option.value} cannot be a rule of a batch", 'on_failure = "cancel-rest" or "stop-rest" in [batch]'
        )


def _take_env(option: Given, draft: Draft, more: Table, line: int, remarks: Remarks) -> None:  # noqa: ARG001 -- as above
    remarks.note(line, f"{option.said} {option.value}: all variables are copied when the batch is submitted")


_TAKEN = {"jobs": _take_jobs, "retries": _take_retries, "timeout": _take_timeout, "halt": _take_halt, "env": _take_env}


def _number(text: str, line: int, said: str = "-n") -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):  # noqa: PLR2004 -- digits
        raise Refused(Code.INVALID_ARGUMENT, f"{at(line)}parallel: {said}: {text!r} is not a number")
    return int(text)


def _seconds(text: str) -> int | None:
    """Return a time as parallel writes it, `1d2.5h3m4`, in whole seconds; None for an invalid or too long one."""
    found = _PARTS_OF_DAY.fullmatch(text)
    try:
        seconds = 0.0 if found is None else sum(float(part or 0) * of for part, of in zip(found.groups(), _LENGTHS, strict=True))
    except ValueError:
        return None
    return math.ceil(seconds) if 0 < seconds < _MOST_SECONDS else None


def _sources(rest: Sequence[str], options: Sequence[Given], line: int, given: Input) -> tuple[list[str], list[_Column]]:
    """Return the command, and the columns of values in order."""
    last = {one.name: one.value for one in options}
    signs = dict(_SEPARATORS)
    for name, sign in (("arg-sep", ":::"), ("argsep", ":::"), ("arg-file-sep", "::::"), ("argfilesep", "::::")):
        if last.get(name):
            signs[last[name]] = _SEPARATORS[sign]
    written = (last.get("delimiter") or "\n").replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0")
    delimiter = "\0" if "null" in last else written

    def lines(file: str) -> list[str]:
        found = given.text(file, line, "parallel").split(delimiter)
        found = found if found[-1].strip("\n") else found[:-1]
        return found[: found.index(last["eof"])] if last.get("eof") in found else found

    columns = [_Column(lines(one.value)) for one in options if one.name == "arg-file"]
    starts = [place for place, word in enumerate(rest) if word in signs]
    for place, end in zip(starts, [*starts[1:], len(rest)], strict=False):
        values = rest[place + 1 : end]
        if "::::" in rest[place] or rest[place] == last.get("arg-file-sep"):
            columns += [_Column(lines(file), signs[rest[place]]) for file in values]
        else:
            columns.append(_Column([one for value in values for one in braces(value)], signs[rest[place]]))
    if not columns:
        columns = [_Column(lines(given.file))]
    if any("\0" in value for column in columns for value in column.values):
        raise Refused(Code.INVALID_ARGUMENT, f"{at(line)}the values of parallel have NUL bytes", "parallel -0 takes what is between them")
    return list(rest[: starts[0]] if starts else rest), columns


def braces(value: str) -> list[str]:
    """Return the numbers of `{1..20}`, as a shell would expand it."""
    try:
        numbers = parse_range(value[1:-1]) if value.startswith("{") and value.endswith("}") else None
    except NotRange:
        return [value]
    return [value] if numbers is None or numbers.count > MOST_JOBS else list(numbers.texts())


def _combinations(columns: Sequence[_Column], *, is_linked: bool, line: int) -> list[list[str]]:
    """Return the values of each job: all combinations, the first column slowest; linked columns are paired."""
    groups: list[list[list[str]]] = []
    for column in columns:
        if groups and (column.is_linked or is_linked):
            groups[-1].append(column.values)
        else:
            groups.append([column.values])
    total = 1
    linked: list[list[list[str]]] = []
    for group in groups:
        # The shorter one begins again with --link; with :::+ the longer one is cut.
        length = (max if is_linked else min)(len(values) for values in group) if all(group) else 0
        total *= length
        if total > MOST_JOBS:
            what = f"{at(line)}these are more than {MOST_JOBS} jobs, the limit of a batch"
            raise Refused(Code.INVALID_ARGUMENT, what, "divide the values")
        linked.append([[values[at % len(values)] for values in group] for at in range(length)])
    return [[value for part in parts for value in part] for parts in product(*linked)]


def _split(jobs: Sequence[Sequence[str]], pattern: str, line: int) -> list[list[str]]:
    try:
        with warnings.catch_warnings():
            # Of what a later Python may read otherwise; parallel itself reads it as Perl does.
            warnings.simplefilter("ignore", FutureWarning)
            separator = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as problem:
        what = f"{at(line)}parallel: --colsep {pattern!r}: {problem}"
        raise Refused(Code.INVALID_ARGUMENT, what, "name the separator itself") from None
    if separator.groups:
        raise Refused(Code.INVALID_ARGUMENT, f"{at(line)}parallel: --colsep {pattern!r} has groups", "write (?:...) for (...)")
    return [[part for value in job for part in separator.split(value)] for job in jobs]
