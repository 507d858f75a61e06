"""Work that takes long lets others have their turn, and not more often than it must."""

from __future__ import annotations

import asyncio

from jobwire.broker.fairness.pace import Pace


async def test_work_rests_once_for_each_slice_of_time() -> None:
    now = 0.0
    turns = 0

    def count() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(count)

    asyncio.get_running_loop().call_soon(count)
    pace = Pace(lambda: now)
    for _ in range(9):
        now += 0.001
        await pace.rest()
    assert turns == 0
    now += 0.002
    await pace.rest()
    assert turns == 1
    await pace.rest()
    assert turns == 1
