"""Decides whether an owner may have more jobs waiting. Pure."""

from __future__ import annotations

from collections.abc import Callable

from ...schemas.refusal import Code, Reason, Refused


def check_waiting(most: int, waiting: int, count: int, unknown: Callable[[], int]) -> None:
    """Check that `count` more jobs may wait, where `waiting` do and `most` may. `unknown` returns how many of them would be new.

    Raises Refused(RESOURCE_EXHAUSTED).
    """
    if waiting + count <= most:
        return
    # A repeated start is answered as before, however many jobs wait.
    fresh = unknown()
    if fresh and waiting + fresh > most:
        raise Refused(
            Code.RESOURCE_EXHAUSTED,
            f"{waiting} jobs of this owner are waiting, and {fresh} more would exceed the limit of {most}",
            "wait until some have started, or stop some",
            reason=Reason.QUEUE_FULL,
        )
