"""What the engine asks a supervisor, and which facts are held back until it has answered."""

from __future__ import annotations

import asyncio
from pathlib import Path

from jobwire.broker.engine import Ended, Expected, Fact, Paused
from jobwire.schemas.jobs.states import OutcomeKind
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.engine.recovery import Recovery
from jobwire.worker.engine.supervisor_line import Message
from jobwire.worker.state.log_folders import folders

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


async def test_a_job_in_a_folder_that_cannot_be_read_is_neither_started_again_nor_said_to_have_no_outcome(tmp_path: Path) -> None:
    """As on a disk that fails: the folders are there, and reading them fails."""
    unreadable = Path(folders.run_path(str(tmp_path), 9, 10, 20))
    (unreadable / "job").mkdir(parents=True)
    recovery = Recovery(str(tmp_path), b"/", asyncio.get_running_loop(), lambda _: None, lambda _: None, rebooted=False)
    finding = asyncio.create_task(recovery.find_out([Expected(PAUSED.key, 0, 0, 5, launched=True)]))
    await asyncio.sleep(0)
    assert recovery.told_all([])
    (ended,) = await asyncio.wait_for(finding, 60)
    assert isinstance(ended, Ended)
    assert ended.outcome.kind is OutcomeKind.LOST
    assert ended.outcome.sentence == "whether it ran is not known: its log folder cannot be read: Is a directory"
