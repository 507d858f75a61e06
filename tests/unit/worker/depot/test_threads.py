"""A fault on a thread reaches whoever waits for what it does."""

from __future__ import annotations

import asyncio
import os

from jobwire.schemas.naming import JobKey
from jobwire.schemas.refusal import Code, Refused
from jobwire.worker.depot.in_turn import InTurn
from jobwire.worker.depot.threads import Threads

_KEY = JobKey(b"o" * 32, b"j" * 16)


def fail() -> Refused | int:
    # As a name that is not text does in a sentence.
    return len(os.fsdecode(b"\xff").encode())


async def test_a_fault_is_told_to_who_waits_for_the_work() -> None:
    threads = Threads(asyncio.get_running_loop(), "files")
    told: asyncio.Future[Refused | int] = asyncio.get_running_loop().create_future()

    threads.run(fail, told.set_result, told.set_result)

    refused = await asyncio.wait_for(told, 60)
    assert isinstance(refused, Refused)
    assert refused.code is Code.INTERNAL
    threads.close()


async def test_what_comes_after_a_fault_in_the_same_folder_is_done() -> None:
    threads = Threads(asyncio.get_running_loop(), "unpack")
    in_turn = InTurn(threads)
    told: asyncio.Queue[Refused | int] = asyncio.Queue()

    in_turn.run(_KEY, fail, told.put_nowait, told.put_nowait)
    in_turn.run(_KEY, lambda: 5, told.put_nowait)

    first, second = [await asyncio.wait_for(told.get(), 60) for _ in range(2)]
    assert isinstance(first, Refused)
    assert second == 5
    threads.close()
