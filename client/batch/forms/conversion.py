"""Convert the tables of a file into the types of `batch_tables.py`, and find all mistakes in them, not only the first."""

from __future__ import annotations

from functools import cache
from types import UnionType
from typing import Any, Final, NamedTuple, TypeVar, get_args, get_origin

import msgspec

from ....schemas.text.msgspec_errors import Path, understand
from ..batch_tables import BatchFile, JobTable
from ..expansion.written_numbers import plain
from ..mistakes import Find, Mistakes
from .key_advice import complaint

_Table = TypeVar("_Table", bound=msgspec.Struct)
# Of these, each value is checked where it is used, and a number stays as it was written.
_AS_WRITTEN = frozenset(("for_each", "set"))
# Valid values of the keys that a table must have, where these are missing or wrong.
_STAND_INS: Final = {"argv": ["true"], "text": ""}


class Found(NamedTuple):
    """The content of a file, and the places in it: an invalid job is None, with its mistakes recorded."""

    file: BatchFile
    jobs: list[JobTable | None]
    find: Find


def convert_file(tables: dict[str, Any], find: Find, mistakes: Mistakes) -> Found:
    """Return the content of a whole file, without its invalid parts."""
    try:
        file = msgspec.convert(tables, BatchFile)
    except msgspec.ValidationError:
        pass
    else:
        return Found(file, [*file.job], find)
    return _convert_parts(plain(tables, but=_AS_WRITTEN), find, mistakes)


def _convert_parts(tables: dict[str, Any], find: Find, mistakes: Mistakes) -> Found:
    parts = {key: value for key, value in tables.items() if key != "job"}
    rest = _checked(parts, BatchFile, (), find, mistakes)
    jobs = tables.get("job", [])
    if not isinstance(jobs, list):
        _checked({"job": jobs}, BatchFile, (), find, mistakes)
        jobs = []
    return Found(rest or BatchFile(), [_checked(one, JobTable, ("job", place), find, mistakes) for place, one in enumerate(jobs)], find)


def convert_job(value: Any, find: Find, mistakes: Mistakes) -> JobTable | None:
    """Return the job that a JSON value describes; None if it is invalid. `find` knows the paths inside the value."""
    try:
        return msgspec.convert(value, JobTable)
    except msgspec.ValidationError:
        return _checked(plain(value, but=_AS_WRITTEN), JobTable, ("job", 0), lambda path: find(path[2:]), mistakes)


def _checked(value: Any, kind: type[_Table], path: Path, find: Find, mistakes: Mistakes) -> _Table | None:
    """Return a value as a table, without its invalid parts, which were recorded as mistakes; None if it is not a table at all.

    The rest is examined further, so that all mistakes are reported at once; with any mistake, nothing is submitted.
    """
    error = _error(value, kind)
    if error is not None and not isinstance(value, dict):
        _add(error, path, find, mistakes)
        return None
    return msgspec.convert(value if error is None else _sound(value, kind, path, find, mistakes), kind)


def _sound(value: dict[str, Any], kind: type[msgspec.Struct], path: Path, find: Find, mistakes: Mistakes) -> dict[str, Any]:
    """Return the valid parts of a table, and placeholders for required keys; mistakes are recorded."""
    types, missing = _types(kind), _missing(kind)
    sound: dict[str, Any] = {name: _STAND_INS[name] for name in missing}
    for key, inner in value.items():
        if key not in types:
            # The value does not matter, and msgspec would name a missing key first.
            _add(_error({**{name: _STAND_INS[name] for name in missing}, key: 0}, kind), path, find, mistakes)
        elif (error := _error(inner, types[key])) is None:
            sound[key] = inner
        elif isinstance(inner, dict) and (table := _table_in(types[key])) is not None:
            sound[key] = _sound(inner, table, (*path, key), find, mistakes)
        elif not _add_inner(inner, types[key], (*path, key), find, mistakes):
            _add(error, (*path, key), find, mistakes)
    if missing - value.keys():
        _add(_error({}, kind), path, find, mistakes)
    return sound


def _add_inner(value: Any, kind: Any, path: Path, find: Find, mistakes: Mistakes) -> bool:
    """Record what is wrong with each member of a list or of a table with arbitrary keys; return whether anything was."""
    found: list[tuple[str | int, msgspec.ValidationError]] = []
    if isinstance(value, list) and _has(kind, list):
        found = [(place, error) for place, inner in enumerate(value) if (error := _error([inner], kind)) is not None]
    elif isinstance(value, dict) and _has(kind, dict):
        found = [(key, error) for key, inner in value.items() if (error := _error({key: inner}, kind)) is not None]
    for step, error in found:
        # msgspec names the place in a list, but no key of such a table.
        _add(error, (*path, step), find, mistakes, below=1 if isinstance(step, int) else 0)
    return bool(found)


@cache
def _types(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(kind)}


def _missing(kind: type[msgspec.Struct]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(kind) if field.required}


def _error(value: Any, kind: Any) -> msgspec.ValidationError | None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return error
    return None


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _has(kind: Any, container: type) -> bool:
    return any(get_origin(member) is container for member in _members(kind))


def _table_in(kind: Any) -> type[msgspec.Struct] | None:
    """Return the table type among the types that a value can have."""
    return next((member for member in _members(kind) if isinstance(member, type) and issubclass(member, msgspec.Struct)), None)


def _add(error: msgspec.ValidationError | None, path: Path, find: Find, mistakes: Mistakes, *, below: int = 0) -> None:
    """Record a mistake; `below`: this many steps of the error's path are in the path already."""
    if error is None:
        return
    mistake = understand(error)
    whole = (*path, *mistake.path[below:])
    what, next_step = complaint(mistake._replace(path=whole))
    mistakes.add(find, whole, what, next_step)
