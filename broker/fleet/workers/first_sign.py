"""Detect a newly connected worker that is dead: libzmq waits for a peer's first PING forever.

With its pings the worker says how long its silence may last (ZMTP, RFC 37: the TTL of PING). The first one is due ten seconds after the
connection was made; a worker that is frozen or loses power before that would stay connected forever. So each is probed once, when its first
PING is due.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ....schemas.generated import request_pb2
from ....schemas.refusal import Refused
from ...sockets.peers import Peer
from ..link import Link

# A little more than the interval of the pings.
_ASK_SECONDS = 12.0
# As long as a worker may be silent later.
_WAIT_SECONDS = 30.0


class Timer(Protocol):
    """A pending call."""

    def cancel(self) -> None:
        """Cancel the call."""
        ...


class Timers(Protocol):
    """Calls functions later: an event loop."""

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Timer:
        """Call this after so many seconds."""
        ...


def expect(link: Link, peer: Peer, timers: Timers) -> None:
    """Disconnect a worker that has just connected and does not respond soon. A later connection is probed for itself."""

    def ask() -> None:
        if not link.speaks_over(peer):
            return

        def give_up() -> None:
            if link.speaks_over(peer):
                link.drop(f"has not answered for {_WAIT_SECONDS:g} s")

        waits = timers.call_later(_WAIT_SECONDS, give_up)

        def answered(_: request_pb2.Reply | Refused) -> None:
            waits.cancel()

        # What has one short answer and changes nothing.
        link.ask(request_pb2.Request(status=request_pb2.Status()), answered)

    timers.call_later(_ASK_SECONDS, ask)
