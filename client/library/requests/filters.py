"""The filters of a list: how they are written into a request, and which workers support them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from ....schemas.generated import request_pb2
from ....schemas.jobs.states import JobTime, State
from ....schemas.refusal import Code, Reason, Refused
from ....schemas.text.brief import sendable
from ....schemas.wire_codec import state_to_wire
from ..options.arguments import Duration, microseconds, milliseconds

if TYPE_CHECKING:
    from datetime import datetime

FEATURE = "list"
_OLDER = {"all", "owner", "batch", "batch_name", "limit", "page"}


def list_request(  # noqa: PLR0913 -- each is one filter, all by name
    *,
    all: bool,  # noqa: A002 -- as in `Client.list`
    batch: str | bytes | None,
    owner: bytes | None,
    states: Iterable[State],
    failed: bool,
    name: str,
    labels: Mapping[str, str] | None,
    user: str,
    since: datetime | Duration | None,
    until: datetime | Duration | None,
    sorted_by: JobTime,
    newest_first: bool,
) -> request_pb2.List:
    """Return the request for a list; `Client.list` explains each filter.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    wanted = request_pb2.List(all=all, owner=owner or b"", failed=failed, newest_first=newest_first)
    if isinstance(batch, bytes):
        wanted.batch = batch
    set_texts(wanted, batch if isinstance(batch, str) else "", name, user, labels or {})
    if sorted_by is not JobTime.QUEUED:
        wanted.sorted_by = sorted_by.value  # type: ignore[assignment] # reason: an enum field takes its number
    wanted.states.extend(map(state_to_wire, states))
    set_moment(wanted, "since", since)
    set_moment(wanted, "until", until)
    return wanted


def set_texts(wanted: request_pb2.List, batch_name: str, name: str, user: str, labels: Mapping[str, str]) -> None:
    """Write texts into the request.

    Raises `Refused(INVALID_ARGUMENT)` for one that is not Unicode.
    """
    for text in (batch_name, name, user, *labels, *labels.values()):
        if sendable(text) != text:
            raise Refused(Code.INVALID_ARGUMENT, f"no job has a name, owner or label with {text!r}: that is not UTF-8")
    wanted.batch_name, wanted.name, wanted.owner_name = batch_name, name, user
    for label, value in labels.items():
        wanted.labels.add(name=label, value=value)


def set_moment(wanted: request_pb2.List, which: Literal["since", "until"], moment: datetime | Duration | None) -> None:
    """Write a moment into the request: a datetime, or how long ago.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    if moment is None:
        return
    # A datetime is not imported here only to be told apart.
    if hasattr(moment, "timestamp"):
        setattr(wanted, f"{which}_us", microseconds(moment))  # type: ignore[arg-type] # reason: only a datetime has a timestamp
    else:
        setattr(wanted, f"{which}_ago_us", (milliseconds(moment) or 0) * 1000)


def demand(wanted: request_pb2.List, features: Container[str]) -> None:
    """Check that a worker with these features would not ignore part of the request.

    Raises `Refused(UNIMPLEMENTED)`.
    """
    newer = sorted(field.name for field, _ in wanted.ListFields() if field.name not in _OLDER)
    if newer and FEATURE not in features:
        raise Refused(
            Code.UNIMPLEMENTED,
            f"the worker is too old for a list with {newer[0].removesuffix('_us').removesuffix('_ago').replace('_', ' ')}",
            "list all of its jobs, or have it upgraded",
            reason=Reason.UNKNOWN_FIELD,
        )
