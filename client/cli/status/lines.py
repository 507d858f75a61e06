"""What a worker says about itself, as lines for people and as a record. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ....keys.identity import format_public
from ....schemas.text.sizes import format_size
from ..terminal.screen import duration

if TYPE_CHECKING:
    from ....schemas.generated import request_pb2

FEATURE = "status"


def describe(
    context: str, endpoint: str, hello: request_pb2.HelloReply, status: request_pb2.StatusReply | None
) -> Iterator[tuple[str, str]]:
    """Iterate over what to show, by names. `status`: None if the worker is too old to tell more than `hello` does."""
    yield "context", f"{context}, {endpoint}"
    age = f", up {duration(status.up_us)}" if status else ""
    yield hello.kind or "worker", f"{hello.software} on {hello.host}{age}"
    rights = f": may {', '.join(status.rights)}" if status else ""
    yield "you", f"{hello.your_name}, role {hello.your_role}{rights}"
    if status is None:
        yield "slots", str(hello.slots)
        return
    running, queued = _with_yours(status.running, status.your_running), _with_yours(status.queued, status.your_queued)
    yield "slots", f"{hello.slots}, jobs running: {running}, queued: {queued}"
    if status.refuses:
        yield "new jobs", f"are refused: {status.refuses}"
    if status.load:
        yield "load", f"{' '.join(f'{load:.2f}' for load in status.load)}, {_count(status.cpus, 'CPU')}"
    if status.disk_bytes:
        yield "disk", f"{format_size(status.disk_free_bytes)} free of {format_size(status.disk_bytes)}"
    if status.roster_problem:
        yield "roster", f"BROKEN: {status.roster_problem}"
    else:
        yield "roster", ", ".join(["in force", *([_count(status.members, "member")] if status.members else [])])


def _with_yours(jobs: int, yours: int) -> str:
    return f"{jobs} ({yours} yours)" if jobs else "0"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def record(context: str, endpoint: str, hello: request_pb2.HelloReply, status: request_pb2.StatusReply | None) -> dict[str, Any]:
    """Return it for `--json`. What the worker does not tell is null."""
    return {
        "context": context,
        "endpoint": endpoint,
        "key": format_public(hello.daemon),
        "kind": hello.kind,
        "software": hello.software,
        "host": hello.host,
        "name": hello.your_name,
        "role": hello.your_role,
        "rights": list(status.rights) if status else None,
        "slots": hello.slots,
        "running": status.running if status else None,
        "queued": status.queued if status else None,
        "your_running": status.your_running if status else None,
        "your_queued": status.your_queued if status else None,
        "up_us": status.up_us if status else None,
        "load": list(status.load) or None if status else None,
        "cpus": status.cpus or None if status else None,
        "disk_free_bytes": status.disk_free_bytes if status and status.disk_bytes else None,
        "disk_bytes": status.disk_bytes or None if status else None,
        "refuses": status.refuses or None if status else None,
        "members": status.members or None if status else None,
        "roster_problem": status.roster_problem or None if status else hello.roster_problem or None,
    }
