"""What a client that blocks waits for, shown to whoever tells people about it. Knows no screen and no clock."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

from ...protocol.exchange import Exchange


class Transfer(NamedTuple):
    """Contents that travel: `is_sent` to the worker, or else from it. `size_bytes` None: nobody knows yet."""

    is_sent: bool
    done_bytes: int
    size_bytes: int | None


class Ends(NamedTuple):
    """So many jobs whose ends are waited for; if it is one, its id, and whether it has no process yet, as far as that is known."""

    jobs: int
    id: bytes = b""
    is_queued: bool = False


# What a caller waits for beyond the answer to a request.
Purpose = Transfer | Ends


class Wait(NamedTuple):
    """What a connection waits for at one moment. `is_connected`: the worker has answered `hello`; `silent`: who gives no sign."""

    endpoint: str
    is_connected: bool
    exchanges: Collection[Exchange]
    purpose: Purpose | None
    silent: str = ""


class Onlooker(Protocol):
    """Somebody who looks on, in the caller's thread."""

    def look(self, wait: Wait) -> float | None:
        """Look at a wait that is about to begin, and return when to be called again even if nothing happens, on `time.monotonic`."""
        ...


# How a caller says what it waits for; None: nothing to say at this moment.
Purposeful = Callable[[], Purpose | None]


def no_purpose() -> Purpose | None:
    """Return that a caller waits for nothing but answers."""
    return None
