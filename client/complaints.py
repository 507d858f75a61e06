"""What msgspec says of data of the wrong type, in plain words, and what to write instead. Knows its sentences, and no file."""

from __future__ import annotations

import re

import msgspec

from .batch_tables import BatchFile, BatchTable, Defaults, JobTable, StdinText, Stop
from .line_finder import Path
from .other_keys import absent, meant

# Planned, and worth another answer than a typing error.
_PLANNED_OF_JOBS = frozenset(("for_each", "after", "retry", "priority", "memory", "cpus", "gpus", "user", "at", "array", "script"))
_PLANNED_OF_BATCHES = frozenset(["on_failure"])

# msgspec: "Expected `str`, got `int` - at `$.job[0].argv[1]`", or "... - at `key` in `$.job[0].env`" where a key is wrong.
_AT = re.compile(r" - at (?:`key` in )?`\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_FIELD = re.compile(r"(?:unknown|required) field `([^`]*)`")


def take_apart(message: str) -> tuple[str, Path]:
    """Divide a message of msgspec into what is wrong and where."""
    at = _AT.search(message)
    # `[...]` stands for any key of a table.
    steps = _STEP.findall(at["path"].replace("[...]", "")) if at else []
    path = tuple(key or int(index) for key, index in steps)
    what = message[: at.start()] if at else message
    if (field := _FIELD.search(what)) and "unknown" in what:
        path = (*path, field[1])
    return what, path


_WORDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
    "date": "a date",
    "time": "a time of day",
    "datetime": "a date",
}
# What is written instead, by the key.
_WRITTEN = {
    "argv": "a program and its arguments: argv = ['sh', '-c', '...'] for a shell",
    "job": "write a table [[job]] for each",
    "stop": 'write it stop = { signal = "INT", grace = "20s" }',
}


def _types(types: str) -> str:
    """Say which types msgspec means: `int | float | str | null`."""
    named = [kind for kind in types.split(" | ") if kind != "null"]
    if "float" in named and "int" in named:
        named.remove("int")
    if not named:
        return "null"
    return " or ".join(_WORDS.get(kind, f"'{kind}'") for kind in named)


def _in_words(what: str) -> str:
    """Say `Expected `str`, got `int`` as a person would."""
    what = re.sub(r"`([^`]*)`", lambda quoted: _types(quoted[1]), what)
    return what[0].lower() + what[1:]


def complaint(path: Path, what: str) -> tuple[str, str]:
    """Say what is wrong at a path of a batch file, and the next step; empty where there is none."""
    if "unknown field" in what:
        return _unknown(path)
    if field := _FIELD.search(what):
        return f"the key '{field[1]}' is missing", ""
    return _in_words(what), _WRITTEN.get(str(path[-1]), "") if path else ""


def _unknown(path: Path) -> tuple[str, str]:
    key, (table, planned) = str(path[-1]), _keys_of(path[:-1])
    if key in planned:
        return f"'{key}' is not there yet in this version", "leave it out"
    if planned and (what := absent(key)):
        return f"there is no key '{key}': {what} is not there yet in this version", "leave it out"
    known = sorted(table.__struct_fields__)
    hint = meant(key, table.__name__, known)
    return f"there is no key '{key}' here", f"{hint + '; ' if hint else ''}known are {', '.join(known)}"


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
            return BatchFile, _PLANNED_OF_JOBS
