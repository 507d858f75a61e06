"""The status of a worker, as lines for people and as a record. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ....keys.identity import format_public
from ....schemas.text.sizes import format_size
from ....schemas.workers.capacity import MEMORY, SLOTS
from ....schemas.workers.labels import labels_text
from ....schemas.workers.warning_subjects import split_warning
from ...protocol.advice import FREE_SPACE
from ..shown.sentences import not_limited
from ..terminal.screen import duration

if TYPE_CHECKING:
    from ...library.values.status import WorkerStatus

_MICROSECOND = timedelta(microseconds=1)


def describe(context: str, status: WorkerStatus) -> Iterator[tuple[str, str]]:
    """Iterate over the lines to show, by title."""
    yield "context", f"{context}, {status.endpoint}"
    age = f", up {duration(status.up // _MICROSECOND)}" if status.up is not None else ""
    yield status.kind or "worker", f"jobwire {status.version} on {status.host}{age}"
    rights = f": may {', '.join(status.rights)}" if status.rights is not None else ""
    yield "you", f"{status.name}, role {status.role}{rights}"
    if status.running is None or status.queued is None:
        yield "slots", str(status.slots)
        return
    running, queued = _with_yours(status.running, status.your_running), _with_yours(status.queued, status.your_queued)
    yield "slots", f"{status.slots}{_in_use(status)}, jobs running: {running}, queued: {queued}"
    yield from _stocks(status)
    if status.refuses:
        # Only a disk that is nearly full makes it do so.
        yield "new jobs", f"are refused: {status.refuses}; {FREE_SPACE}"
    if status.load:
        yield "load", f"{' '.join(f'{load:.2f}' for load in status.load)}, {_count(status.cpus or 0, 'CPU')}"
    if status.memory_problem:
        yield "memory", f"of jobs with --memory: {not_limited(status.memory_problem)}"
    if status.disk_bytes:
        yield "disk", f"{format_size(status.disk_free_bytes or 0)} free of {format_size(status.disk_bytes)}"
    for warning in status.warnings:
        about, sentence = split_warning(warning)
        yield about or "warning", sentence
    if status.roster_problem:
        yield "roster", f"BROKEN: {status.roster_problem}"
    else:
        yield "roster", ", ".join(["in force", *([_count(status.members, "member")] if status.members else [])])


def _stocks(status: WorkerStatus) -> Iterator[tuple[str, str]]:
    for stock in status.resources or ():
        if stock.name == MEMORY:
            yield stock.name, f"{format_size(stock.total)}, reserved: {format_size(stock.used) if stock.used else 'none'}"
        elif stock.name != SLOTS:
            yield stock.name, f"{stock.total}, in use: {stock.used}"
    if status.labels:
        yield "labels", labels_text(status.labels)


def _in_use(status: WorkerStatus) -> str:
    """Return how many slots are in use, if that differs from the number of running jobs."""
    used = next((stock.used for stock in status.resources or () if stock.name == SLOTS), 0)
    return f", in use: {used}" if used > (status.running or 0) else ""


def _with_yours(jobs: int, yours: int | None) -> str:
    return f"{jobs} ({yours or 0} yours)" if jobs else "0"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def record(context: str, status: WorkerStatus) -> dict[str, Any]:
    """Return the record for `--json`. What the worker does not report is null."""
    written = {field.name: getattr(status, field.name) for field in fields(status)}
    up = written.pop("up")
    stocks, labels = written.pop("resources"), written.pop("labels")
    written["labels"] = None if labels is None else dict(labels)
    written["resources"] = None if stocks is None else {stock.name: {"total": stock.total, "used": stock.used} for stock in stocks}
    return {"context": context, **written, "key": format_public(status.key), "up_us": None if up is None else up // _MICROSECOND}
