"""Limits on waits, in a loop that notices late that their time is over."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator

import pytest

from jobwire.client.asynchronous.loop.limit import Deadline, Limit, limit_of


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


async def answer(pipe: tuple[int, int]) -> bytes:
    """Wait for a byte, and for another one that is sent when the first one was heard, as the rest of a log is."""
    loop, heard = asyncio.get_running_loop(), asyncio.Queue[bytes]()
    loop.add_reader(pipe[0], lambda: heard.put_nowait(os.read(pipe[0], 1)))
    try:
        first = await heard.get()
        loop.call_later(0.01, os.write, pipe[1], b"y")
        return first + await heard.get()
    finally:
        loop.remove_reader(pipe[0])


async def test_what_came_in_time_is_heard_by_a_loop_that_wakes_up_late(pipe: tuple[int, int]) -> None:
    def block() -> None:
        os.write(pipe[1], b"x")
        time.sleep(0.4)

    asyncio.get_running_loop().call_soon(block)
    async with Limit(0.1) as limit:
        assert await answer(pipe) == b"xy"
    assert not limit.expired()


async def test_what_does_not_come_is_not_waited_for_much_longer(pipe: tuple[int, int]) -> None:
    began = asyncio.get_running_loop().time()
    asyncio.get_running_loop().call_soon(time.sleep, 0.3)
    with pytest.raises(TimeoutError):
        async with Limit(0.05) as limit:
            await answer(pipe)
    assert limit.expired()
    # 0.3 late by 0.25, and as long again.
    assert 0.5 < asyncio.get_running_loop().time() - began < 5


@pytest.mark.parametrize("seconds", [0.0, 0.02])
async def test_a_limit_that_passes_in_time_ends_the_wait(pipe: tuple[int, int], seconds: float) -> None:
    with pytest.raises(TimeoutError):
        async with Limit(seconds):
            await answer(pipe)


async def test_a_timeout_of_somebody_else_and_a_cancellation_stay_what_they_are() -> None:
    with pytest.raises(TimeoutError, match="other"):
        async with limit_of("1h") as limit:
            raise TimeoutError("other")
    assert not limit.expired()
    task = asyncio.ensure_future(_wait_for_ever())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _wait_for_ever() -> None:
    async with limit_of(None):
        await asyncio.get_running_loop().create_future()


async def test_what_came_in_time_is_heard_even_if_that_takes_several_waits(pipe: tuple[int, int]) -> None:
    loop = asyncio.get_running_loop()
    loop.call_soon(time.sleep, 0.6)
    deadline = Deadline(time.monotonic() + 0.1)
    for _ in range(3):
        os.write(pipe[1], b"x")
        async with Limit(deadline):
            assert await answer(pipe) == b"xy"
    with pytest.raises(TimeoutError):
        async with Limit(deadline):
            await loop.create_future()


def test_a_deadline_is_postponed_once_and_only_if_its_end_is_noticed_late() -> None:
    assert Deadline(None).left(5.0) is None
    punctual = Deadline(10.0)
    assert [punctual.left(now) for now in (4.0, 10.0, 10.0625)] == [6.0, 0.0, 0.0]
    late = Deadline(10.0)
    assert [late.left(now) for now in (9.0, 10.5, 10.75, 11.0, 12.0)] == [1.0, 0.5, 0.25, 0.0, 0.0]
    assert Deadline(10.0).left(3600.0) == 1.0
