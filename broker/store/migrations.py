"""Migrate an older store to this version, and create a new one, by carrying out the steps of schema_steps.py."""

from __future__ import annotations

import sqlite3

from ...schemas.generated import event_pb2, job_pb2
from ...schemas.wire_codec import outcome_from_wire
from .schema_steps import STEPS

_VERSION_WITH_LABELS = 6


def migrate(connection: sqlite3.Connection, version: int, to: int = len(STEPS)) -> None:
    """Carry out the steps from one version to another, each in a transaction of its own. Raises sqlite3.Error."""
    connection.create_function("log_bytes_of", 1, _log_bytes_of, deterministic=True)
    connection.create_function("at_us_of", 1, _at_us_of, deterministic=True)
    connection.create_function("ok_of", 1, _ok_of, deterministic=True)
    connection.create_function("has_folder", 1, _has_folder, deterministic=True)
    for step in range(version, to):
        connection.executescript(f"BEGIN IMMEDIATE; {STEPS[step]} PRAGMA user_version = {step + 1};")
        if step + 1 == _VERSION_WITH_LABELS:
            _fill_labels(connection)
        connection.execute("COMMIT")


def _log_bytes_of(outcome: bytes | None) -> int:
    message = job_pb2.Outcome.FromString(outcome or b"")
    return message.stdout_bytes + message.stderr_bytes


def _at_us_of(event: bytes) -> int:
    return event_pb2.Event.FromString(event).at_us


def _ok_of(outcome: bytes | None) -> bool:
    return not outcome_from_wire(job_pb2.Outcome.FromString(outcome or b"")).is_failure


def _has_folder(spec: bytes) -> bool:
    message = job_pb2.JobSpec.FromString(spec)
    return bool(message.files or message.outputs)


def _fill_labels(connection: sqlite3.Connection) -> None:
    for row, queued_at, spec in connection.execute("SELECT row, queued_at, spec FROM jobs"):
        connection.executemany(
            "INSERT OR IGNORE INTO labels (name, value, queued_at, job) VALUES (?, ?, ?, ?)",
            [(label.name, label.value, queued_at, row) for label in job_pb2.JobSpec.FromString(spec).labels],
        )
