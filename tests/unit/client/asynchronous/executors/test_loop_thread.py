"""The loop of an executor: what is asked of it ends, whatever becomes of that."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import create_autospec

import pytest

from jobwire.client.asynchronous.client import AsyncClient
from jobwire.client.asynchronous.executors.loop_thread import LoopThread

SECONDS = 30


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    made = LoopThread(lambda: create_autospec(AsyncClient, instance=True), None)
    made.start()
    yield made
    made.exit()


@pytest.mark.parametrize("why", [TimeoutError("too late"), ValueError("a bug")], ids=["a timeout", "another exception"])
def test_what_is_raised_by_what_was_asked_is_raised_at_once_and_not_waited_for(loop: LoopThread, why: Exception) -> None:
    async def fails(_: object) -> None:
        raise why

    with ThreadPoolExecutor(1) as others:
        asked = others.submit(loop.ask, fails)
        try:
            with pytest.raises(type(why), match=str(why)):
                asked.result(SECONDS)
            assert asked.done()
        finally:
            # Whoever asks a loop that has ended is told so.
            loop.exit()
