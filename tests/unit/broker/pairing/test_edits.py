"""Edits of the roster on their thread, when the daemon exits meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path

from jobwire.broker.pairing.edits import RosterEdits


async def test_an_exit_waits_for_the_edit_in_progress_and_for_no_other(tmp_path: Path) -> None:
    begun = threading.Event()
    made: list[str] = []
    told: list[object] = []

    def first(_: Path) -> None:
        begun.set()
        # More come until the exit has dropped all that wait.
        with contextlib.suppress(RuntimeError):
            while True:
                edits.edit(lambda _: made.append("another"), told.append)
        made.append("the first")

    edits = RosterEdits(tmp_path / "roster.toml", lambda: told.append("in force"), asyncio.get_running_loop())
    edits.edit(first, told.append)
    assert begun.wait(60)
    edits.close()
    await asyncio.sleep(0)
    assert (made, told) == (["the first"], [])
