"""The filters of a list: how they are written into a request, and which workers know them."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Literal

from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Reason, Refused
from .specs import Duration, milliseconds

if TYPE_CHECKING:
    from datetime import datetime

FEATURE = "list"
_OLDER = {"all", "owner", "batch", "batch_name", "limit", "page"}


def set_texts(wanted: request_pb2.List, batch_name: str, name: str, user: str, labels: Mapping[str, str]) -> None:
    """Write texts into the request.

    Raises `Refused(INVALID_ARGUMENT)` for one that is not Unicode.
    """
    try:
        wanted.batch_name, wanted.name, wanted.owner_name = batch_name, name, user
        for label, value in labels.items():
            wanted.labels.add(name=label, value=value)
    except ValueError as error:
        raise Refused(Code.INVALID_ARGUMENT, f"the list cannot be described: {error}") from None


def set_moment(wanted: request_pb2.List, which: Literal["since", "until"], moment: datetime | Duration | None) -> None:
    """Write a moment into the request: a datetime, or how long ago.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    if moment is None:
        return
    # A datetime is not imported here only to be told apart.
    if hasattr(moment, "timestamp"):
        setattr(wanted, f"{which}_us", int(moment.timestamp() * 1_000_000))
    else:
        setattr(wanted, f"{which}_ago_us", (milliseconds(moment) or 0) * 1000)


def demand(wanted: request_pb2.List, features: Container[str]) -> None:
    """Check that a worker with these features does not ignore a part of the request.

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
