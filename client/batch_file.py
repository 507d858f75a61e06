"""What a batch file says: TOML, the same keys as JSON lines, or one command a line.

Knows the form of the file and where in it something is wrong: a refusal names file, line and key. Knows no daemon; nothing is sent
before the whole file was understood.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from ..schemas import spec as specs
from ..schemas.frames import MOST_JOBS_PER_START
from ..schemas.naming import batch_job_id, name_problem
from ..schemas.refusal import Code, Refused
from ..schemas.spec import JobSpec
from .complaints import FIELD, in_words, take_apart
from .job_options import Misunderstood, Surroundings, Wishes, spec_from
from .line_finder import Path, Place, place_of

# Planned, and worth another answer than a typing error.
_PLANNED_OF_JOBS = frozenset(("for_each", "after", "retry", "priority", "memory", "cpus", "gpus", "user", "at", "array", "script"))
_PLANNED_OF_BATCHES = frozenset(["on_failure"])


class Stop(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The key `stop`: what a stop sends first, and how long it then waits."""

    signal: str | int | None = None
    grace: str | int | float | None = None


class StdinText(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The key `stdin` where it holds the text itself instead of a file's name."""

    text: str


class Defaults(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The table `[defaults]`: what holds for each job that does not say otherwise."""

    env: dict[str, str] | list[str] | None = None
    dir: str | None = None
    stdin: str | StdinText | None = None
    time_limit: str | int | float | None = None
    stop: Stop | None = None
    output_limit: str | int | None = None
    linger: bool | None = None
    labels: dict[str, str] | list[str] | None = None


class JobTable(Defaults, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A table `[[job]]`, or a line of JSON."""

    argv: list[str]
    name: str | None = None


class BatchTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The table `[batch]`."""

    name: str = ""
    parallel: int = 0


class BatchFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file."""

    batch: BatchTable = BatchTable()
    defaults: Defaults = Defaults()
    job: list[JobTable] = []


@dataclass(frozen=True, slots=True)
class Batch:
    """Many jobs that are submitted together. `parallel` 0: as many at once as there are slots."""

    name: str
    parallel: int
    jobs: tuple[JobSpec, ...]

    def ids(self, run: bytes) -> list[bytes]:
        """Name the jobs of one run: the same run gives the same ids, so that repeating it starts each job once."""
        seen: Counter[str] = Counter()
        ids = []
        for job in self.jobs:
            ids.append(batch_job_id(run, job.name, seen[job.name]))
            seen[job.name] += 1
        return ids


def read_batch(text: bytes, file: str, around: Surroundings, *, lines: bool = False) -> Batch:
    """Understand a batch file; `file` is its name in messages.

    Raises `Refused(INVALID_ARGUMENT)` naming file, line and key.
    """
    try:
        decoded = text.decode()
    except UnicodeDecodeError as error:
        raise _wrong(file, Place(text.count(b"\n", 0, error.start) + 1), "this is not UTF-8") from None
    if lines:
        found, place = _read_commands(decoded, file)
    elif decoded.lstrip().startswith("{"):
        found, place = _read_json_lines(decoded, file)
    else:
        found, place = _read_toml(decoded, file)
    return _understand(found, file, around, place)


_Value = TypeVar("_Value")
_Finder = Callable[[Path], Place]


def _wrong(file: str, place: Place, what: str, next_step: str = "") -> Refused:
    key = f", key '{place.key}'" if place.key else ""
    return Refused(Code.INVALID_ARGUMENT, f"{file}, line {place.line}{key}: {what}", next_step)


def _read_toml(text: str, file: str) -> tuple[BatchFile, _Finder]:
    try:
        tables = tomllib.loads(text)
    except RecursionError:
        raise _wrong(file, Place(1), "this is nested too deeply") from None
    except ValueError as error:
        # tomllib says "... (at line 3, column 7)", or "(at end of document)".
        at = re.search(r"\(at line (\d+), column \d+\)$", str(error))
        line = int(at[1]) if at else text.count("\n") + 1
        raise _wrong(file, Place(line), f"this is not TOML: {error}") from None

    def find(path: Path) -> Place:
        return place_of(text, path)

    return _convert(tables, file, find), find


def _convert(tables: dict[str, Any], file: str, find: _Finder) -> BatchFile:
    try:
        return msgspec.convert(tables, BatchFile)
    except msgspec.ValidationError as error:
        what, path = take_apart(str(error))
        raise _complaint(file, find(path), path, what) from None


def _read_json_lines(text: str, file: str) -> tuple[BatchFile, _Finder]:
    decoder = msgspec.json.Decoder(JobTable)
    jobs, numbers = [], []
    for number, line in _numbered(text):
        try:
            jobs.append(decoder.decode(line))
        except RecursionError:
            raise _wrong(file, Place(number), "this is nested too deeply") from None
        except msgspec.ValidationError as error:
            what, path = take_apart(str(error))
            raise _complaint(file, Place(number, _dotted(path)), ("job", 0, *path), what) from None
        except (msgspec.DecodeError, ValueError) as error:
            raise _wrong(file, Place(number), f"this is not JSON: {error}") from None
        numbers.append(number)

    return BatchFile(job=jobs), lambda path: Place(numbers[int(path[1])], _dotted(path[2:]))


# shlex would cut `a#b` too; a shell sees a comment only where a word could begin.
_COMMENT = re.compile(r"""(?P<kept>'[^']*'|"(?:\\.|[^"\\])*"|\\.)|(?:^|(?<=\s))\#.*""")


def _read_commands(text: str, file: str) -> tuple[BatchFile, _Finder]:
    jobs, numbers = [], []
    for number, line in _numbered(text):
        try:
            argv = shlex.split(_COMMENT.sub(lambda found: found["kept"] or "", line))
        except ValueError as error:
            raise _wrong(file, Place(number), f"this line cannot be split into words: {str(error).lower()}") from None
        if argv:
            jobs.append(JobTable(argv=argv))
            numbers.append(number)
    return BatchFile(job=jobs), lambda path: Place(numbers[int(path[1])])


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    # Not splitlines(): that also splits at characters that may stand inside a string.
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def _complaint(file: str, place: Place, path: Path, what: str) -> Refused:
    if "unknown field" in what:
        key, (known, planned) = path[-1], _keys_of(path[:-1])
        if key in planned:
            return _wrong(file, place, f"'{key}' is not there yet in this version", "leave it out")
        return _wrong(file, place, f"there is no key '{key}' here", f"known are {', '.join(sorted(known.__struct_fields__))}")
    if field := FIELD.search(what):
        return _wrong(file, place, f"the key '{field[1]}' is missing")
    return _wrong(file, place, in_words(what))


def _keys_of(table: Path) -> tuple[type[msgspec.Struct], frozenset[str]]:
    """Say which keys a table may have, and which it may have one day."""
    match table:
        case ("batch",):
            return BatchTable, _PLANNED_OF_BATCHES
        case ("defaults",):
            return Defaults, _PLANNED_OF_JOBS
        case ("job", _):
            return JobTable, _PLANNED_OF_JOBS
        case (*_, "stop"):
            return Stop, frozenset()
        case (*_, "stdin"):
            return StdinText, frozenset()
        case _:
            return BatchFile, frozenset()


def _dotted(path: Path) -> str:
    return ".".join(str(step) for step in path if isinstance(step, str))


# Where the batch file says what is one option on the command line.
_KEYS = {"stop_signal": ("stop", "signal"), "grace": ("stop", "grace")}


def _understand(found: BatchFile, file: str, around: Surroundings, find: _Finder) -> Batch:
    if not found.job:
        raise Refused(Code.INVALID_ARGUMENT, f"{file} names no job", "write a table [[job]] with a key argv for each")
    if len(found.job) > MOST_JOBS_PER_START:
        raise Refused(Code.INVALID_ARGUMENT, f"{file} has {len(found.job)} jobs, a batch may have {MOST_JOBS_PER_START}", "divide it")
    if found.batch.name and (problem := name_problem(found.batch.name)):
        raise _wrong(file, find(("batch", "name")), problem)
    if not 0 <= found.batch.parallel <= MOST_JOBS_PER_START:
        raise _wrong(file, find(("batch", "parallel")), f"{found.batch.parallel} is not a number of jobs")
    jobs = []
    for index, table in enumerate(found.job):
        try:
            spec = spec_from(table.argv, _wishes(table, found.defaults), around)
            specs.check(spec)
        except Misunderstood as problem:
            key = _KEYS.get(problem.key, (problem.key,))
            owner = ("defaults",) if getattr(table, key[0]) is None else ("job", index)
            raise _wrong(file, find((*owner, *key)), problem.message, problem.next_step) from None
        except Refused as problem:
            raise _wrong(file, find(("job", index)), problem.message, problem.next_step) from None
        jobs.append(spec)
    return Batch(found.batch.name, found.batch.parallel, tuple(jobs))


def _wishes(job: JobTable, defaults: Defaults) -> Wishes:
    stop, stop_default = job.stop or Stop(), defaults.stop or Stop()
    stdin = _first(job.stdin, defaults.stdin)
    if stdin == "-":
        what = Refused(Code.INVALID_ARGUMENT, "a batch has no standard input to give", 'name a file, or write { text = "..." }')
        raise Misunderstood("stdin", what)
    return Wishes(
        name=job.name,
        dir=_first(job.dir, defaults.dir),
        env=_table(defaults.env) | _table(job.env),
        stdin=stdin.text.encode() if isinstance(stdin, StdinText) else stdin,
        time_limit=_first(job.time_limit, defaults.time_limit),
        stop_signal=_first(stop.signal, stop_default.signal),
        grace=_first(stop.grace, stop_default.grace),
        output_limit=_first(job.output_limit, defaults.output_limit),
        linger=_first(job.linger, defaults.linger) or False,
        labels=_labels(defaults.labels) | _labels(job.labels),
    )


def _labels(said: dict[str, str] | list[str] | None) -> dict[str, str]:
    if isinstance(said, list):
        for item in said:
            if "=" not in item:
                raise Misunderstood("labels", Refused(Code.INVALID_ARGUMENT, f"the label {item!r} has no value", "write it like team=blue"))
    return _table(said)


def _first(said: _Value, default: _Value) -> _Value:
    return default if said is None else said


def _table(said: dict[str, str] | list[str] | None) -> dict[str, str]:
    if isinstance(said, list):
        return {name: value for name, _, value in (item.partition("=") for item in said)}
    return said or {}
