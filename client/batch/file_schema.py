"""The JSON Schema of batch files, generated from their tables (batch_tables.py) and the options of jobs (options/definitions.py).

It has all that editors can show: keys, types and descriptions. The format of a time or a signal is checked when the file is read.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .batch_tables import AfterTable, BatchFile, BatchTable, Defaults, Finish, JobTable, Retry, StdinText, Stop
from .options.definitions import FILE_OPTIONS, OPTIONS

_SCALAR = {"type": ["string", "number", "boolean"]}
_LINES = {"type": "object", "properties": {"lines": {"type": "string"}}, "required": ["lines"], "additionalProperties": False}
_TABLE = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": {"pattern": "^(?:[^\\W\\d][\\w-]*|\\d+)$"},
    "additionalProperties": _SCALAR,
}
_VALUES = {
    "anyOf": [
        {"type": "string", "pattern": "^\\s*[+-]?\\d+(\\.\\d+)?\\s*\\.\\.", "description": 'A range: "1..20", "0..100..5".'},
        {"type": "array", "minItems": 1, "items": {"anyOf": [_SCALAR, _TABLE]}},
        {**_LINES, "description": "The lines of a file."},
    ]
}
_AXES = {"type": "object", "minProperties": 1, "propertyNames": {"pattern": "^(?!(?:index|name|lines|zip)$)[^\\W\\d][\\w-]*$"}}
_FOR_EACH = {
    "description": "Make a job for each of these values: {item}, or the name of an axis in braces, stands for it.",
    "anyOf": [
        *_VALUES["anyOf"],
        {
            "type": "object",
            "minProperties": 1,
            "properties": {"zip": {**_AXES, "additionalProperties": _VALUES, "description": "Axes side by side."}},
            "propertyNames": {"pattern": "^(?!(?:index|name|lines)$)[^\\W\\d][\\w-]*$"},
            "additionalProperties": _VALUES,
            "description": "Named axes, each with each.",
        },
        # Not given, as with any other key.
        {"type": "null"},
    ],
}
_SET = {
    "type": "object",
    "propertyNames": {"pattern": "^(?!(?:item|index|name|lines|zip)$)[^\\W\\d][\\w-]*$"},
    "additionalProperties": _SCALAR,
}
# What is said of a key that is no option of the command line.
_MEANINGS = {
    "after": "Start the job when others of this file have ended: their names, or how each must have ended.",
    "ok": "Names of jobs that must exit with 0. A name with for_each means all of its jobs.",
    "failed": "Names of jobs that must fail: of several with one name, at least one, when all have ended.",
    "any": "Names of jobs that must have ended, in whatever way.",
    "on_failure": "What a job that failed does to the others: cancel-rest cancels those that have not started, stop-rest stops all.",
    "on_finish": "Run this once at the end, when all jobs of the run have ended, however they did: a command, or a table with options.",
    "argv": "The program and its arguments; no shell is used.",
    "on_each": "Run it once on each worker of the broker that fits, as on and not_on say.",
    "stop": "How the job is stopped.",
    "text": "The standard input itself.",
    "parallel": "Run at most this many of the jobs at once. 0: no limit.",
    "batch": "About the run as a whole.",
    "defaults": "Values for every job that does not set these keys.",
    "set": "Values of placeholders in all jobs: {K}. --set K=V takes precedence.",
    "job": "The jobs, one table for each.",
    "signal": next(option.help for option in OPTIONS if option.key == "stop_signal"),
    "max": "Run the job again up to this many times if it fails. 0: not at all.",
    **{key: next(option.help for option in OPTIONS if option.key == f"retry_{key}") for key in ("delay", "backoff", "on_exit")},
}

_TABLES = (AfterTable, BatchTable, Defaults, Finish, JobTable, Retry, Stop, StdinText)


def schema_of_files() -> dict[str, Any]:
    """Return the schema: of a whole file, or of a list of jobs."""
    (_,), definitions = msgspec.json.schema_components([BatchFile], ref_template="#/$defs/{name}")
    meanings = {option.key: option.help for option in (*OPTIONS, *FILE_OPTIONS)} | _MEANINGS
    for table in definitions.values():
        for key, value in table["properties"].items():
            value.pop("default", None)
            if key in meanings:
                value["description"] = meanings[key]
    definitions[JobTable.__name__]["properties"]["for_each"] = _FOR_EACH
    whole = definitions.pop(BatchFile.__name__)
    definitions[BatchTable.__name__]["properties"]["name"]["description"] = "Name the batch."
    definitions[BatchTable.__name__]["properties"]["parallel"]["minimum"] = 0
    whole["properties"]["set"] |= _SET
    whole["properties"]["job"]["minItems"] = 1
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "jobwire batch file",
        "type": ["object", "array"],
        "properties": whole["properties"],
        "required": ["job"],
        "additionalProperties": False,
        "items": {"$ref": f"#/$defs/{JobTable.__name__}"},
        "minItems": 1,
        "$defs": {kind.__name__: _named(definitions, kind) for kind in _TABLES},
    }


def _named(definitions: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    table: dict[str, Any] = definitions[kind.__name__]
    table["title"] = (kind.__doc__ or "").strip().split("\n", maxsplit=1)[0]
    table.pop("description", None)
    return table
