"""An event loop in a thread of its own, for an executor used from any thread. It ends when it was told to and no job is left."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Callable
from typing import Any

from ..client import AsyncClient
from .submissions import Submissions

# How long a program that exits waits until the connection is closed.
_EXIT_SECONDS = 5.0


class LoopThread:
    """The loop, and the client that it creates. `most`: how many jobs run at once; None: as many as the worker runs."""

    def __init__(self, make_client: Callable[[], AsyncClient], most: int | None) -> None:
        self._make_client = make_client
        self._most = most
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._submissions: Submissions | None = None
        self._finish: asyncio.Event | None = None
        self._abandon: asyncio.Event | None = None
        self._is_over = False
        self.thread = threading.Thread(target=self._run, name="jobwire-executor", daemon=True)

    def start(self) -> None:
        """Start the thread. Call it after the first finalizer was made: finalizers registered later are called earlier at exit."""
        # A loop must not run any more when finalizers close its sockets.
        atexit.register(self.exit)
        self.thread.start()
        self._ready.wait()

    def call(self, what: Callable[[Submissions], None]) -> None:
        """Call this in the loop, soon."""
        assert self._loop is not None
        submissions = self._submissions
        assert submissions is not None
        self._loop.call_soon_threadsafe(what, submissions)

    def ask(self, what: Callable[[Submissions], Any]) -> Any:
        """Run a coroutine in the loop and return its result, or raise what it raises. Raises RuntimeError if the loop has ended."""
        assert self._loop is not None
        submissions = self._submissions
        assert submissions is not None
        asked = asyncio.run_coroutine_threadsafe(what(submissions), self._loop)
        while True:
            try:
                return asked.result(_EXIT_SECONDS)
            except TimeoutError:
                if asked.done():
                    # It is what the coroutine has raised.
                    raise
                # A loop that ends just now runs it no more, and nothing tells that.
                if not self.thread.is_alive():
                    raise RuntimeError("this executor has ended") from None

    def finish(self) -> None:
        """End when no job is left."""
        self._set(self._finish)

    def exit(self) -> None:
        """End now; the jobs continue."""
        self._set(self._abandon)
        self.thread.join(_EXIT_SECONDS)

    def _set(self, event: asyncio.Event | None) -> None:
        if self._loop is not None and event is not None and not self._loop.is_closed():
            # It may be closed just now.
            try:
                self._loop.call_soon_threadsafe(event.set)
            except RuntimeError:
                return

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except RuntimeError:
            # In a program that exits, Python 3.12.0 and 3.12.1 start no more threads, and a loop that ends starts one to wait for others.
            # It is closed all the same.
            if not self._is_over:
                raise

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._finish, self._abandon = asyncio.Event(), asyncio.Event()
        client = self._make_client()
        self._submissions = submissions = Submissions(client, self._most)
        self._ready.set()
        ending = asyncio.ensure_future(self._finished(submissions, self._finish))
        abandoned = asyncio.ensure_future(self._abandon.wait())
        await asyncio.wait([ending, abandoned], return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        abandoned.cancel()
        await submissions.abandon()
        await client.close()
        atexit.unregister(self.exit)
        self._is_over = True

    async def _finished(self, submissions: Submissions, finish: asyncio.Event) -> None:
        await finish.wait()
        await submissions.drained()
