"""The sockets of one client: a DEALER for the conversation, made when first needed, and a SUB for news, made when first subscribed.

Everything happens in the caller's thread, inside `pump`. Calling in from a second thread (or a signal handler) at the same time
raises RuntimeError: give each thread its own connection, they are cheap.
SKELETON: signatures are final, bodies follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..keys.identity import Identity
from ..schemas.generated import request_pb2
from .conversation import Exchange, Item
from .subscription import Subscription

CONNECT_TIMEOUT_SECONDS = 5.0


class Connection:
    """One daemon, spoken to from one thread. Connects at the first request, not before."""

    def __init__(
        self,
        endpoint: str,
        server_key: bytes,
        identity: Identity,
        *,
        connect_timeout: float = CONNECT_TIMEOUT_SECONDS,
        revive: Callable[[], str | None] | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        """`revive` is called when a connection that was up is lost, and may return a new endpoint.

        `notice` is told one sentence when the connection is lost and one when it is back.
        """

    def ask(self, request: request_pb2.Request) -> Exchange:
        """Queue a request (its `id` is filled in) and send it as soon as the daemon is greeted; never waits."""
        raise NotImplementedError

    def next(self, exchange: Exchange, deadline: float | None = None) -> Item | None:
        """Wait for the next item of an exchange: a `Reply` or a `Chunk`; None when it has ended.

        `deadline` is on `time.monotonic`. Raises `Refused`, and TimeoutError when the deadline has passed.
        """
        raise NotImplementedError

    def call(self, request: request_pb2.Request, deadline: float | None = None) -> Item:
        """Ask, and wait for the one answer. Raises as `next` does."""
        raise NotImplementedError

    def forget(self, exchange: Exchange) -> None:
        """Stop listening to an exchange; a stream is cancelled at the daemon."""

    def hello(self, deadline: float | None = None) -> request_pb2.HelloReply:
        """Get what the daemon said of itself; connects if need be."""
        raise NotImplementedError

    def subscribe(self, subscription: Subscription) -> None:
        """Drive a subscription from now on; its events are fetched with `subscription.take()` after each `pump`."""

    def unsubscribe(self, subscription: Subscription) -> None:
        """Let go of a subscription, here and at the daemon."""

    def pump(self, deadline: float | None = None, wake_fds: Sequence[int] = ()) -> bool:
        """Send, receive and sort in what came; return once anything happened (True), a wake fd is readable or the deadline passed (False).

        Items wait in their exchanges. Deadline 0 never waits. Raises nothing for a refused request: its exchange tells.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close the sockets; the jobs go on."""
