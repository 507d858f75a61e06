"""Convert a job record of `list --json` or `show --json` into the table of a batch file that submits the same job again."""

from __future__ import annotations

from typing import Any

# What happened to the job: left out.
_PAST = frozenset(
    (
        "id",
        "state",
        "owner",
        "owner_name",
        "batch",
        "attempt",
        "process",
        "pid",
        "queued_at",
        "started_at",
        "ended_at",
        "stdin_bytes",
        "feed",
        "rerun_of",
        "started_by",
        "lends_slots",
        "attempts",
        "starts_in_us",
        "expires_in_us",
        "paused",
        "held",
        "held_by",
        "waits_for",
        "layer",
        "gpu_ids",
        "worker",
        "start_at",
        "start_in_ms",
        "not_after",
        "not_after_ms",
        "starts_at",
        "late_end",
        "outcome",
    )
)
_SIGTERM = 15


def is_record(value: Any) -> bool:
    """Return whether a value has the keys that every record of a job has, and no table of a batch file."""
    return isinstance(value, dict) and {"id", "state", "owner", "argv"} <= value.keys()


def table_of(record: dict[str, Any]) -> dict[str, Any]:
    """Return the table; a field that this version does not know is kept, and later refused as an unknown key."""
    table = {key: value for key, value in record.items() if key not in _PAST and not _is_unsaid(key, value)}
    if record["state"] == "planned":
        table |= _start_of(record)
    else:
        # Those were other jobs.
        table.pop("after", None)
    for field, key in (("time_limit_ms", "time_limit"), ("grace_ms", "grace")):
        if field in table:
            table[key] = f"{table.pop(field)}ms"
    for field, key in (("output_limit_bytes", "output_limit"), ("memory_bytes", "memory")):
        if field in table:
            table[key] = table.pop(field)
    if isinstance(table.get("dir"), str):
        # It is the path itself, where nothing is expanded but ~.
        table["dir"] = table["dir"].replace("$", r"\$")
    stop = {"signal": table.pop("stop_signal", _SIGTERM), "grace": table.pop("grace", None)}
    if stop["signal"] != _SIGTERM or stop["grace"] is not None:
        table["stop"] = stop
    if isinstance(retry := table.get("retry"), dict):
        kept = {key: value for key, value in retry.items() if key != "delay_ms" and not _is_unsaid(key, value)}
        table["retry"] = kept | ({"delay": f"{retry['delay_ms']}ms"} if retry.get("delay_ms") else {})
    # The argv is never left out, even if it is empty.
    return table | {"argv": record["argv"]}


def _start_of(record: dict[str, Any]) -> dict[str, str]:
    """Return the key of a table for the start time of a planned job, if its record has one."""
    times: dict[str, str] = {}
    for key, at, after in (("at", "start_at", "start_in_ms"), ("not_after", "not_after", "not_after_ms")):
        if record.get(at) is not None:
            times[key] = record[at]
        elif record.get(after) is not None:
            times[key] = f"+{record[after]}ms"
    return times


def missing_input(record: dict[str, Any]) -> int | None:
    """Return how many bytes of standard input the job had that are neither in its record nor added to it."""
    size = record.get("stdin_bytes")
    return size if isinstance(size, int) and record.get("stdin") is None else None


def was_fed(record: dict[str, Any]) -> bool:
    """Return whether the standard input of the job was a stream, and none was added to its record."""
    return record.get("feed") is True and record.get("stdin") is None


def missing_files(record: dict[str, Any]) -> int:
    """Return how many files of the job are not in its record."""
    files = record.get("files")
    return len(files) if isinstance(files, list) else 0


def _is_unsaid(key: str, value: Any) -> bool:
    # A grace of 0 was set.
    return value is None or value is False or (value == 0 and key == "gpus") or value in ("", {}, [])
