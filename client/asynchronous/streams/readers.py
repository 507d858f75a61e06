"""The tasks and functions that wait for news of an exchange or of a subscription: one task for each, or a callback instead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ...protocol.conversation import Exchange
from ...protocol.subscription import Subscription


class Readers:
    """The tasks and functions of one connection."""

    def __init__(self) -> None:
        self._waiting: dict[Exchange | Subscription, asyncio.Future[None]] = {}
        self._callbacks: dict[Exchange | Subscription, Callable[[], None]] = {}

    async def wait(self, what: Exchange | Subscription) -> None:
        """Wait for the next news. Raises RuntimeError if another task waits for it, or when the connection is closed."""
        if what in self._waiting:
            raise RuntimeError("another task is reading this already")
        waiting = self._waiting[what] = asyncio.get_running_loop().create_future()
        try:
            await waiting
        finally:
            del self._waiting[what]

    def call(self, what: Exchange | Subscription, callback: Callable[[], None]) -> None:
        """Call this on all news, and when the connection is closed, until `forget`."""
        self._callbacks[what] = callback

    def forget(self, what: Exchange | Subscription) -> None:
        """Stop calling a function for this."""
        self._callbacks.pop(what, None)

    def notify(self, what: Exchange | Subscription) -> None:
        """Wake the task that waits for this."""
        waiting = self._waiting.get(what)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
        callback = self._callbacks.get(what)
        if callback is not None:
            callback()

    def notify_subscribers(self) -> None:
        """Wake the tasks that wait for any subscription."""
        for subscription in [one for one in (*self._waiting, *self._callbacks) if isinstance(one, Subscription)]:
            self.notify(subscription)

    def close(self) -> None:
        """Wake all tasks: no more news will arrive."""
        for waiting in [*self._waiting.values()]:
            if not waiting.done():
                waiting.set_exception(RuntimeError("this client was closed"))
        callbacks = [*self._callbacks.values()]
        self._callbacks.clear()
        for callback in callbacks:
            callback()
