"""What to write instead of an invalid key or value in a batch file. Knows no file."""

from __future__ import annotations

import msgspec

from ....schemas.text.msgspec_errors import Mistake, Path, Wrong
from ..batch_tables import AfterTable, BatchFile, BatchTable, Defaults, Finish, JobTable, Retry, StdinText, Stop
from .other_keys import absent, meant

# Planned, so they are not answered like a mistyped key.
_PLANNED_OF_JOBS = frozenset(("user",))
_PLANNED_OF_BATCHES: frozenset[str] = frozenset()

# What to write instead, by key.
_WRITTEN = {
    "on_failure": "it can be 'continue', 'cancel-rest' or 'stop-rest'",
    "on_finish": "write it on_finish = ['./notify', 'ops']",
    "argv": "a program and its arguments: argv = ['sh', '-c', '...'] for a shell",
    "job": "write a table [[job]] for each job",
    "retry": 'write it retry = 3, or retry = { max = 3, delay = "10s" }',
    "stop": 'write it stop = { signal = "INT", grace = "20s" }',
}

_PLAIN_VALUES = ("got a date", "got a time of day", "got a number", "got a whole number", "got true or false")

# The tables in the table of a job.
_INNER: dict[str, type[msgspec.Struct]] = {
    "after": AfterTable,
    "retry": Retry,
    "stop": Stop,
    "stdin": StdinText,
    "on_finish": Finish,
}


def complaint(mistake: Mistake) -> tuple[str, str]:
    """Return what is wrong with a batch file, and the next step; empty if there is none."""
    if mistake.wrong is Wrong.UNKNOWN_KEY:
        return _unknown(mistake.path)
    next_step = _WRITTEN.get(str(mistake.path[-1]), "") if mistake.path and mistake.wrong is Wrong.VALUE else ""
    # TOML has dates and times of its own, which look like those of at = "...", and an argument may look like a number.
    if not next_step and mistake.words.startswith("expected a string") and mistake.words.endswith(_PLAIN_VALUES):
        next_step = "write it in quotes"
    return mistake.words, next_step


def _unknown(path: Path) -> tuple[str, str]:
    key, (table, planned) = str(path[-1]), _keys_of(path[:-1])
    if key in planned:
        return f"'{key}' is not available yet in this version", "remove it"
    if planned and (what := absent(key)):
        return f"there is no key '{key}': {what} is not available yet in this version", "remove it"
    known = sorted(table.__struct_fields__)
    hint = meant(key, table.__name__, known)
    return f"there is no key '{key}' here", hint or f"known are {', '.join(known)}"


def _keys_of(table: Path) -> tuple[type[msgspec.Struct], frozenset[str]]:
    """Return the keys of a table, and those planned for later."""
    match table:
        case ("batch",):
            return BatchTable, _PLANNED_OF_BATCHES
        case ("defaults",):
            return Defaults, _PLANNED_OF_JOBS
        case ("job", _):
            return JobTable, _PLANNED_OF_JOBS
        case (*_, str(key)) if key in _INNER:
            return _INNER[key], frozenset()
        case _:
            return BatchFile, _PLANNED_OF_JOBS
