"""Convert the tables of a file into the types of `batch_tables.py`, and find all that is wrong with them, not only the first."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from ....schemas.text.msgspec_errors import Path, understand
from ..batch_tables import BatchFile, JobTable
from ..expansion.written_numbers import plain
from ..mistakes import Find, Mistakes
from .key_advice import complaint

_Table = TypeVar("_Table", bound=msgspec.Struct)
# Of these, each value is checked where it is used, and a number stays as it was written.
_AS_WRITTEN = frozenset(("for_each", "set"))


class Found(NamedTuple):
    """What a file says, and where: a job that is not valid is None, and the mistakes are known."""

    file: BatchFile
    jobs: list[JobTable | None]
    find: Find


def convert_file(tables: dict[str, Any], find: Find, mistakes: Mistakes) -> Found:
    """Return what a whole file says; without what is wrong in it."""
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
    """Return the job that a value of JSON describes; None if it is not valid. `find` knows the paths inside the value."""
    try:
        return msgspec.convert(value, JobTable)
    except msgspec.ValidationError:
        return _checked(plain(value, but=_AS_WRITTEN), JobTable, ("job", 0), lambda path: find(path[2:]), mistakes)


def _checked(value: Any, kind: type[_Table], path: Path, find: Find, mistakes: Mistakes) -> _Table | None:
    """Return a value as a table, without what is wrong with it, which was added to the mistakes; None if nothing is left."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        whole = error
    keys = value if isinstance(value, dict) else {}
    sound = {key: inner for key, inner in keys.items() if _is_sound(key, inner, kind, path, find, mistakes)}
    try:
        if len(sound) < len(keys):
            # So that what else is wrong with the table is found too.
            return msgspec.convert(sound, kind)
    except msgspec.ValidationError as error:
        whole = error
    if not isinstance(value, dict) or _missing(kind) - keys.keys():
        # Of the table itself: its type, or a key that is missing.
        _add(whole, path, value, find, mistakes)
    return None


def _is_sound(key: str, value: Any, kind: type[msgspec.Struct], path: Path, find: Find, mistakes: Mistakes) -> bool:
    """Return whether a key of a table is valid; what is wrong with it is added to the mistakes."""
    types, before = _types(kind), len(mistakes)
    if key in types and isinstance(types[key], type) and issubclass(types[key], msgspec.Struct):
        _checked(value, types[key], (*path, key), find, mistakes)
    elif key in types:
        if (error := _error(value, types[key])) is not None:
            _add(error, (*path, key), value, find, mistakes)
    else:
        # The value does not matter, and msgspec would name a missing key first.
        _add(_error({**{name: [] for name in _missing(kind)}, key: 0}, kind), path, value, find, mistakes)
    return len(mistakes) == before


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


def _add(error: msgspec.ValidationError | None, path: Path, value: Any, find: Find, mistakes: Mistakes) -> None:
    if error is None:
        return
    mistake = understand(error)
    inner = (*mistake.path, *_no_text(value, (*path[-1:], *mistake.path)))
    what, next_step = complaint(mistake._replace(path=(*path, *mistake.path)))
    mistakes.add(find, (*path, *inner), what, next_step)


def _no_text(value: Any, path: Path) -> Path:
    """Return the key whose value is not a string in a table of strings, which msgspec does not name; else an empty path."""
    if path[-1:] not in (("env",), ("labels",)) or not isinstance(value, dict):
        return ()
    return next(((key,) for key, inner in value.items() if not isinstance(inner, str)), ())
