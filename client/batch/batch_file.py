"""Read batch files: TOML, JSON with the same keys, or one command per line.

A refusal names file, line and key. Knows no worker; nothing is sent before the whole file has been read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import msgspec

from ...schemas.frames import LARGEST_MESSAGE, MOST_JOBS_PER_START
from ...schemas.naming import batch_job_id, name_problem
from ...schemas.refusal import Code, Refused
from ...schemas.spec import JobSpec
from ...schemas.text import toml_text
from ...schemas.text.msgspec_errors import Path, understand
from ...schemas.text.sizes import format_size
from .batch_tables import BatchFile, Defaults, JobTable, StdinText, Stop
from .caller_variables import Variables, as_table, merge, note_of, of_this_process
from .caller_variables import find as find_variables
from .job_options import Misunderstood, Surroundings, Wishes, label_pairs, read_env, spec_from
from .job_records import is_record, missing_files, missing_input, table_of, was_fed
from .json_values import NotJson, Value, dotted, is_json, line_of, read_values
from .key_advice import complaint
from .octets import to_bytes
from .plain_text import NotText, decode_text
from .shell_words import NotWords, divide
from .toml_lines import Place, place_of

# Larger files cannot be batches: in JSON with escapes, a job takes at most a few times its size on the wire.
LARGEST_FILE = 4 * LARGEST_MESSAGE


@dataclass(frozen=True, slots=True)
class Batch:
    """Jobs that are submitted together. `parallel` 0: as many at once as there are slots. `warnings`: what may be a mistake."""

    name: str
    parallel: int
    jobs: tuple[JobSpec, ...]
    warnings: tuple[str, ...] = ()

    def ids(self, run: bytes) -> list[bytes]:
        """Return the ids of the jobs of one run. The same run has the same ids, so that repeating it starts no job twice."""
        seen: Counter[str] = Counter()
        ids = []
        for job in self.jobs:
            ids.append(batch_job_id(run, job.name, seen[job.name]))
            seen[job.name] += 1
        return ids


# For no jobs in particular.
_NOTHING = Wishes()


def read_batch(text: bytes, file: str, around: Surroundings, *, lines: bool = False, over: Wishes = _NOTHING) -> Batch:
    """Return the batch that a file describes; `file` is its name in messages.

    `over`: options for all jobs, which count more than those in the file, and which are valid.
    Raises `Refused(INVALID_ARGUMENT)` naming file, line and key.
    """
    if len(text) > LARGEST_FILE:
        message = f"{file} is larger than {format_size(LARGEST_FILE)}, the limit for batch files"
        raise Refused(Code.INVALID_ARGUMENT, message, "split it, and keep large inputs in files")
    try:
        decoded = decode_text(text)
    except NotText as problem:
        raise _wrong(file, Place(problem.line), problem.what, problem.next_step) from None
    if lines:
        if kind := _OTHER_FORM.match(decoded):
            at = Place(decoded.count("\n", 0, kind.start(1)) + 1)
            raise _wrong(file, at, f"this is not a command: the file is {'JSON' if kind['json'] else 'TOML'}", "leave --lines out")
        return _read_commands(decoded, file, around, over)
    found, place = _read_json(decoded, file) if is_json(decoded) else _read_toml(decoded, file)
    return _understand(found, file, around, place, over)


# What no program's name begins with, where a file of commands begins.
_OTHER_FORM = re.compile(r"(?:\s|#[^\n]*\n)*((?P<json>\{\s*[\"}]|\[\s*\{)|\[\[job\]\]|\[(?:batch|defaults)\])")

_Value = TypeVar("_Value")
_Table = TypeVar("_Table", bound=msgspec.Struct)
_Finder = Callable[[Path], Place]


def _below(find: _Finder, *table: str | int) -> _Finder:
    return lambda path: find((*table, *path))


def _wrong(file: str, place: Place, what: str, next_step: str = "") -> Refused:
    key = f", key '{place.key}'" if place.key else ""
    return Refused(Code.INVALID_ARGUMENT, f"{file}, line {place.line}{key}: {what}", next_step)


_JOB_HEADER = re.compile(r"^[ \t]*\[\[", re.MULTILINE)


def _read_toml(text: str, file: str) -> tuple[BatchFile, _Finder]:
    # Checked before parsing, which takes a hundred times the memory of the text.
    _check_count(sum(1 for _ in _JOB_HEADER.finditer(text)), file)
    try:
        tables = toml_text.parse(text)
    except RecursionError:
        raise _wrong(file, Place(1), "this is nested too deeply") from None
    except toml_text.NotTomlError as error:
        hint = "" if _JOB_HEADER.search(text) else "for one command per line use: batch --lines FILE"
        if error.reason == toml_text.twice("job", is_table=True):
            hint = "write [[job]] for each"
        raise _wrong(file, Place(error.line), f"this is not TOML: {error.reason}", hint) from None

    def find(path: Path) -> Place:
        return place_of(text, path)

    return _convert(tables, BatchFile, file, find), find


def _convert(tables: Any, kind: type[_Table], file: str, find: _Finder) -> _Table:
    try:
        return msgspec.convert(tables, kind)
    except msgspec.ValidationError as error:
        mistake = understand(error)
        path = mistake.path
        # As if it were in a whole file, where the tables have names.
        inside = ("job", 0, *path) if kind is JobTable else path
        raise _wrong(file, find((*path, *_no_text(tables, path))), *complaint(mistake._replace(path=inside))) from None


def _no_text(tables: Any, path: Path) -> Path:
    """Return the key whose value is not a string in the table of strings at `path`, which msgspec does not name; else an empty path."""
    if path[-1:] not in (("env",), ("labels",)):
        return ()
    for step in path:
        tables = tables[step]
    return next(((key,) for key, value in tables.items() if not isinstance(value, str)), ()) if isinstance(tables, dict) else ()


def _read_json(text: str, file: str) -> tuple[BatchFile, _Finder]:
    values: list[Value] = []
    try:
        for value in read_values(text):
            values.append(value)
            _check_count(len(values), file)
    except NotJson as problem:
        raise _wrong(file, Place(problem.line, problem.key), problem.what) from None
    if len(values) == 1 and _is_whole(values[0].value):
        (whole,) = values
        find = _finder(text, whole.begin)
        return _convert(whole.value, BatchFile, file, find), find
    if not values:
        raise Refused(Code.INVALID_ARGUMENT, f"{file} contains no job", 'write {"argv": ["PROGRAM", "ARGUMENT"]} for each')
    jobs = []
    for value in values:
        table = _read_record(value, text, file) if is_record(value.value) else value.value
        jobs.append(_convert(table, JobTable, file, _finder(text, value.begin)))
    return BatchFile(job=jobs), lambda path: _finder(text, values[int(path[1])].begin)(path[2:])


def _read_record(record: Value, text: str, file: str) -> dict[str, Any]:
    """Return the table of a job that was listed.

    Raises Refused if the job had a standard input or files: without them, it would be another job.
    """
    if (size := missing_input(record.value)) is not None:
        what = f"this job had {size} bytes of standard input, which its record does not contain"
        next_step = f'jobwire rerun {record.value["id"]} runs it with them; to run it without: "stdin_bytes": null'
        raise _wrong(file, _finder(text, record.begin)(("stdin_bytes",)), what, next_step)
    if was_fed(record.value):
        what = "the standard input of this job came as a stream, which was not kept"
        raise _wrong(file, _finder(text, record.begin)(("feed",)), what, 'to run it with an empty one: "feed": false')
    if count := missing_files(record.value):
        what = f"this job had {'a file' if count == 1 else f'{count} files'} of its own, which its record does not contain"
        next_step = f'jobwire rerun {record.value["id"]} runs it with them; to run it without: "files": []'
        raise _wrong(file, _finder(text, record.begin)(("files",)), what, next_step)
    return table_of(record.value)


def _is_whole(value: Any) -> bool:
    """Return whether an object has keys of the whole file, also under the names that other tools have for them."""
    if not isinstance(value, dict) or "argv" in value:
        return False
    is_list_of_jobs = any(isinstance(inner, list) and any(isinstance(job, dict) for job in inner) for inner in value.values())
    return is_list_of_jobs or not value.keys().isdisjoint(BatchFile.__struct_fields__)


def _finder(text: str, begin: int) -> _Finder:
    def find(path: Path) -> Place:
        return Place(line_of(text, begin, path), dotted(path))

    return find


def _read_commands(text: str, file: str, around: Surroundings, over: Wishes) -> Batch:
    jobs: list[JobTable] = []
    numbers: list[int] = []
    warnings = []
    # Not splitlines(): that also splits at characters that may be part of a string.
    for number, line in enumerate(text.split("\n"), 1):
        try:
            # A byte order mark may be here if files were concatenated.
            divided = divide(line.lstrip("\ufeff"))
        except NotWords as problem:
            raise _wrong(file, Place(number), str(problem)) from None
        if divided.words:
            jobs.append(JobTable(argv=divided.words))
            numbers.append(number)
            _check_count(len(jobs), file)
        if divided.unexpanded:
            what = ", ".join(dict.fromkeys(divided.unexpanded))
            warnings.append(f"{file}, line {number}: {what} is passed on unchanged, as no shell runs; to use one: sh -c '...'")
    if not jobs:
        raise Refused(Code.INVALID_ARGUMENT, f"{file} contains no job", "write one command per line")
    batch = _understand(BatchFile(job=jobs), file, around, lambda path: Place(numbers[int(path[1])]), over)
    return replace(batch, warnings=(*batch.warnings, *warnings))


def _check_count(jobs: int, file: str) -> None:
    if jobs > MOST_JOBS_PER_START:
        raise Refused(Code.INVALID_ARGUMENT, f"{file} has more than {MOST_JOBS_PER_START} jobs, the limit for a batch", "divide it")


class _Shared(NamedTuple):
    """What the jobs of a file share, read once: defaults, options that count more than the file, variables of the caller and of both."""

    defaults: Defaults
    over: Wishes
    caller: dict[str, str]
    everything: Variables
    of_defaults: Variables
    of_over: Variables


def _understand(found: BatchFile, file: str, around: Surroundings, find: _Finder, over: Wishes) -> Batch:
    if not found.job:
        raise Refused(Code.INVALID_ARGUMENT, f"{file} contains no job", "write a table [[job]] with a key argv for each job")
    _check_count(len(found.job), file)
    if found.batch.name and (problem := name_problem(found.batch.name)):
        raise _wrong(file, find(("batch", "name")), problem)
    if not 0 <= found.batch.parallel <= MOST_JOBS_PER_START:
        raise _wrong(file, find(("batch", "parallel")), f"{found.batch.parallel} is not a number of jobs")
    caller = of_this_process()
    alone = _Shared(Defaults(), over, caller, find_variables(caller), _NO_VARIABLES, read_env(over.env, caller))
    # On its own, so that mistakes in it are not blamed on the first job.
    sound, _ = _spec(_as_job(found.defaults), alone, file, around, _below(find, "defaults"))
    others = msgspec.structs.replace(found.defaults, stdin=None)
    shared = alone._replace(defaults=others, of_defaults=read_env(others.env, caller))
    jobs = []
    withheld: dict[str, None] = {}
    for index, table in enumerate(found.job):
        spec, left_out = _spec(table, shared, file, around, _below(find, "job", index))
        jobs.append(spec if table.stdin is not None else replace(spec, stdin=sound.stdin))
        withheld |= dict.fromkeys(left_out)
    return Batch(found.batch.name, found.batch.parallel, tuple(jobs), (note_of(withheld),) if withheld else ())


def _as_job(defaults: Defaults) -> JobTable:
    return JobTable(argv=["true"], **msgspec.structs.asdict(defaults))


# Where a batch file has several keys for one option of the command line.
_KEYS: dict[str, Path] = {"stop_signal": ("stop", "signal"), "grace": ("stop", "grace"), "": ()}
_STDIN_TEXT = 'for the text itself write stdin = { text = "..." }'


def _spec(table: JobTable, shared: _Shared, file: str, around: Surroundings, find: _Finder) -> tuple[JobSpec, tuple[str, ...]]:
    """Return a job, and the secrets that it does not get."""
    try:
        variables = _variables(table, shared)
        return spec_from(table.argv, _wishes(table, shared, as_table(variables)), around), variables.withheld
    except Misunderstood as problem:
        is_file = problem.key == "stdin" and isinstance(_first(table.stdin, shared.defaults.stdin), str)
        next_step = problem.next_step or (_STDIN_TEXT if is_file else "")
        raise _wrong(file, find(_KEYS.get(problem.key, (problem.key,))), problem.message, next_step) from None


_NO_VARIABLES = Variables({}, {})


def _variables(job: JobTable, shared: _Shared) -> Variables:
    _check_once("env", job.env)
    takes_all = shared.over.env_all or _first(job.env_all, shared.defaults.env_all)
    return merge([shared.everything if takes_all else _NO_VARIABLES, shared.of_defaults, read_env(job.env, shared.caller), shared.of_over])


def _wishes(job: JobTable, shared: _Shared, variables: dict[str, str]) -> Wishes:
    over, defaults = shared.over, shared.defaults
    stop, stop_default = job.stop or Stop(), defaults.stop or Stop()
    _check_once("labels", job.labels)
    return Wishes(
        name=job.name,
        dir=_first(over.dir, _first(job.dir, defaults.dir)),
        env=variables,
        stdin=_stdin(_first(job.stdin, defaults.stdin)),
        time_limit=_first(over.time_limit, _first(job.time_limit, defaults.time_limit)),
        stop_signal=_first(over.stop_signal, _first(stop.signal, stop_default.signal)),
        grace=_first(over.grace, _first(stop.grace, stop_default.grace)),
        output_limit=_first(over.output_limit, _first(job.output_limit, defaults.output_limit)),
        linger=over.linger or _first(job.linger, defaults.linger) or False,
        priority=_first(over.priority, _first(job.priority, defaults.priority)),
        hold=over.hold or _first(job.hold, defaults.hold) or False,
        stderr_to_stdout=over.stderr_to_stdout or _first(job.stderr_to_stdout, defaults.stderr_to_stdout) or False,
        script=_first(over.script, _first(job.script, defaults.script)),
        put=[*(defaults.put or ()), *(job.put or ()), *over.put],
        get=[*(defaults.get or ()), *(job.get or ()), *over.get],
        labels=label_pairs(defaults.labels or ()) | label_pairs(job.labels or ()) | label_pairs(over.labels),
    )


def _stdin(said: str | StdinText | None) -> str | bytes | None:
    if said == "-":
        what = Refused(Code.INVALID_ARGUMENT, "the jobs of a batch cannot share standard input", 'name a file, or write { text = "..." }')
        raise Misunderstood("stdin", what)
    if not isinstance(said, StdinText):
        return said
    try:
        return to_bytes(said.text)
    except Refused as no_text:
        what = Refused(no_text.code, no_text.message, 'put it in a file and write: stdin = "FILE"')
        raise Misunderstood("stdin", what) from None


def _check_once(key: str, said: Iterable[str] | None) -> None:
    """Refuse a list with the same name twice, as such a table is refused."""
    names = Counter(item.partition("=")[0] for item in said) if isinstance(said, list) else Counter[str]()
    if twice := [name for name, times in names.items() if times > 1]:
        raise Misunderstood(key, Refused(Code.INVALID_ARGUMENT, f"{twice[0]!r} is set twice", "remove one of them"))


def _first(said: _Value, default: _Value) -> _Value:
    return default if said is None else said
