"""What the engine asks a supervisor, and which facts are held back until it has answered."""

from __future__ import annotations

import asyncio
from pathlib import Path

from jobwire.broker.engine import Fact, Paused
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.engine.recovery import Recovery
from jobwire.worker.engine.supervisor_line import Message

PAUSED = Paused(AttemptKey(b"o" * 32, b"i" * 16, 1), paused=True)


async def test_who_asks_again_at_once_gets_the_second_answer_whole(tmp_path: Path) -> None:
    """The line broke when the first answer was complete."""
    said: list[Message] = []
    heard: list[Fact] = []
    recovery = Recovery(str(tmp_path), b"/", asyncio.get_running_loop(), said.extend, heard.extend, rebooted=False)

    async def ask_twice() -> list[Fact]:
        assert await recovery.find_out([]) == []
        return await recovery.find_out([])

    asking = asyncio.create_task(ask_twice())
    for number in (1, 2):
        # More turns of the loop than it takes to ask, and to finish with the answer before.
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(said) == number
        recovery.tell([PAUSED] * (number - 1))
        assert recovery.told_all([])
    assert await asyncio.wait_for(asking, 60) == [PAUSED]
    assert heard == []
    recovery.tell([PAUSED])
    assert heard == [PAUSED]
