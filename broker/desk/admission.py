"""Whether an owner may have more jobs wait than it has. Pure."""

from __future__ import annotations

from collections.abc import Callable

from ...schemas.refusal import Code, Reason, Refused


def check_waiting(most: int, waiting: int, count: int, unknown: Callable[[], int]) -> None:
    """Go on only if `count` more jobs may wait, where `waiting` do and `most` may. `unknown` counts those of them that would be new.

    Raises Refused(RESOURCE_EXHAUSTED).
    """
    if waiting + count <= most:
        return
    # A start that is repeated is answered as before, however many wait.
    fresh = unknown()
    if fresh and waiting + fresh > most:
        raise Refused(
            Code.RESOURCE_EXHAUSTED,
            f"{waiting} jobs of this owner wait, and {fresh} more would be over the limit of {most}",
            "wait until some have started, or stop some",
            reason=Reason.QUEUE_FULL,
        )
