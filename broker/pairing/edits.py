"""Edits of the roster by the daemon itself: on a thread, because they wait for the disk and for other editors of the file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TypeVar

from ..own_process.threads import Pool

_Result = TypeVar("_Result")


class RosterEdits:
    """`in_force()` puts the present content of the file into force."""

    def __init__(self, path: Path, in_force: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        self._path = path
        self._in_force = in_force
        self._loop = loop
        self._thread = Pool(1, "roster")
        self._closed = False

    def edit(self, change: Callable[[Path], _Result], done: Callable[[Callable[[], _Result]], None]) -> None:
        """Change the file; `done` is called on the loop once it is durable and in force.

        It gets a function that returns the result of `change` or raises.
        """
        self._thread.submit(change, self._path).add_done_callback(partial(self._changed, done))

    def _changed(self, done: Callable[[Callable[[], _Result]], None], edit: Future[_Result]) -> None:
        if not self._closed:
            self._loop.call_soon_threadsafe(self._take_effect, done, edit)

    def _take_effect(self, done: Callable[[Callable[[], _Result]], None], edit: Future[_Result]) -> None:
        # Whoever was let in must not be refused when it comes, and whoever was removed must not send anything more.
        self._in_force()
        done(edit.result)

    def close(self) -> None:
        """Stop calling back. An edit in progress is completed, others are dropped: whoever requested one repeats the request."""
        self._closed = True
        # Each could wait for a while if somebody else has locked the folder.
        self._thread.shutdown(cancel_futures=True)
