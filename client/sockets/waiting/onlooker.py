"""What a blocking client waits for, shown to an onlooker that tells the user. Knows no screen and no clock."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

from ...protocol.exchange import Exchange


class Transfer(NamedTuple):
    """Contents in transfer: `is_sent` to the worker, or else from it. `size_bytes` None: unknown yet."""

    is_sent: bool
    done_bytes: int
    size_bytes: int | None


class Ends(NamedTuple):
    """This many jobs whose ends are waited for; if it is one, its id, and whether it has no process yet, as far as known."""

    jobs: int
    id: bytes = b""
    is_queued: bool = False


# What a caller waits for beyond the answer to a request.
Purpose = Transfer | Ends


class Wait(NamedTuple):
    """What a connection waits for at one moment. `is_connected`: the worker has answered `hello`; `silent`: who does not respond."""

    endpoint: str
    is_connected: bool
    exchanges: Collection[Exchange]
    purpose: Purpose | None
    silent: str = ""


class Onlooker(Protocol):
    """Observes waits, in the caller's thread."""

    def look(self, wait: Wait) -> float | None:
        """Observe a wait that is about to begin, and return when to be called again even if nothing happens, on `time.monotonic`."""
        ...


# How a caller says what it waits for; None: nothing to say at this moment.
Purposeful = Callable[[], Purpose | None]


def no_purpose() -> Purpose | None:
    """Return the purpose of a caller that waits only for replies."""
    return None
