"""Batch files in JSON: one object for the whole file, or one for each job; also jobs as written by `list --json`."""

from __future__ import annotations

from typing import Any

from ....schemas.refusal import Code, Refused
from ..batch_tables import BatchFile, JobTable
from ..mistakes import Find, Mistakes
from .conversion import Found, convert_file, convert_job
from .counting import check_count
from .job_records import is_record, missing_files, missing_input, table_of, was_fed
from .json_values import NotJson, Value, dotted, line_of, read_values
from .toml_lines import Place


def read_json(text: str, mistakes: Mistakes) -> Found:
    """Return the content of a file.

    Raises `Refused(INVALID_ARGUMENT)` if it is not JSON, or contains no job, and RecursionError if it is nested too deeply.
    """
    values: list[Value] = []
    try:
        for value in read_values(text):
            values.append(value)
            check_count(len(values), mistakes.file)
    except NotJson as problem:
        raise mistakes.refusal(Place(problem.line, problem.key), problem.what) from None
    if len(values) == 1 and _is_whole(values[0].value):
        (whole,) = values
        return convert_file(whole.value, _finder(text, whole.begin), mistakes)
    if not values:
        raise Refused(Code.INVALID_ARGUMENT, f"{mistakes.file} contains no job", 'write {"argv": ["PROGRAM", "ARGUMENT"]} for each')
    jobs: list[JobTable | None] = []
    for value in values:
        find = _finder(text, value.begin)
        if is_record(value.value) and (what := _is_incomplete(value.value)):
            mistakes.add(find, *what)
            jobs.append(None)
        else:
            jobs.append(convert_job(table_of(value.value) if is_record(value.value) else value.value, find, mistakes))
    return Found(BatchFile(), jobs, lambda path: _finder(text, values[int(path[1])].begin)(path[2:]))


def _is_incomplete(record: dict[str, Any]) -> tuple[tuple[str], str, str] | None:
    """Return which field of a job record makes it incomplete, and why: without its input or files, it would be another job."""
    again = f"jobwire rerun {record['id']} runs it with them; to run it without: "
    if (size := missing_input(record)) is not None:
        what = f"this job had {size} bytes of standard input, which its record does not contain"
        return ("stdin_bytes",), what, f'{again}"stdin_bytes": null'
    if was_fed(record):
        what = "the standard input of this job came as a stream, which was not kept"
        return ("feed",), what, 'to run it with an empty one: "feed": false'
    if count := missing_files(record):
        what = f"this job had {'a file' if count == 1 else f'{count} files'} of its own, which its record does not contain"
        return ("files",), what, f'{again}"files": []'
    return None


def _is_whole(value: Any) -> bool:
    """Return whether an object has keys of a whole file, or the names that other tools use for them."""
    if not isinstance(value, dict) or "argv" in value:
        return False
    is_list_of_jobs = any(
        isinstance(inner, list) and any(isinstance(job, dict) for job in inner) for key, inner in value.items() if key != "for_each"
    )
    return is_list_of_jobs or not value.keys().isdisjoint(BatchFile.__struct_fields__)


def _finder(text: str, begin: int) -> Find:
    def find(path: tuple[str | int, ...]) -> Place:
        return Place(line_of(text, begin, path), dotted(path))

    return find
