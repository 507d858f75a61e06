"""The state folder of a running worker, removed and moved by somebody else."""

from __future__ import annotations

import asyncio
import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from jobwire.worker.state import folder_watch
from jobwire.worker.state.folder_watch import FolderWatch
from jobwire.worker.state.lock import StateLock

MOVES: dict[str, Callable[[Path], object]] = {
    "the folder": lambda state: state.rename(state.with_name("moved")),
    "the folder above": lambda state: state.parent.rename(state.parent.with_name("moved")),
    "the home above": lambda state: state.parents[1].rename(state.parents[1].with_name("moved")),
    "a home that is removed": lambda state: shutil.rmtree(state.parents[1]),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_a_worker_notices_that_its_folder_has_another_path(tmp_path: Path, move: Callable[[Path], object]) -> None:
    state = tmp_path / "home" / "jobwire" / "worker"
    state.parent.mkdir(parents=True)

    async def watch() -> str:
        lost = asyncio.Event()
        watched = FolderWatch(lock, state, asyncio.get_running_loop(), lost.set)
        move(state)
        await asyncio.wait_for(lost.wait(), 30)
        watched.close()
        return watched.loss

    lock = StateLock(state)
    try:
        assert asyncio.run(watch()) == f"the state folder {state} was removed"
    finally:
        lock.release()


@pytest.mark.parametrize("leads", ["straight", "through another link"])
def test_a_link_above_that_leads_elsewhere_now_is_noticed_and_one_that_leads_there_again_is_not_missed(tmp_path: Path, leads: str) -> None:
    (tmp_path / "disk" / "worker").mkdir(parents=True)
    (tmp_path / "disk" / "worker").chmod(0o700)
    (tmp_path / "other" / "worker").mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "disk")
    if leads != "straight":
        (tmp_path / "first").symlink_to("link")
    state = tmp_path / ("link" if leads == "straight" else "first") / "worker"

    def replace(target: str) -> None:
        (tmp_path / "new").symlink_to(tmp_path / target)
        (tmp_path / "new").rename(link)

    async def watch() -> str:
        lost, looked = asyncio.Event(), asyncio.Event()
        make_again = lock.make_again
        lock.make_again = lambda: (looked.set(), make_again())  # type: ignore[method-assign]
        watched = FolderWatch(lock, state, asyncio.get_running_loop(), lost.set)
        replace("disk")
        await asyncio.wait_for(looked.wait(), 30)
        assert not lost.is_set()
        replace("other")
        await asyncio.wait_for(lost.wait(), 30)
        watched.close()
        return watched.loss

    lock = StateLock(state)
    try:
        assert asyncio.run(watch()) == f"the state folder {state} was replaced by another"
    finally:
        lock.release()


def test_the_pauses_between_attempts_that_fail_get_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "worker"
    pauses: list[float] = []
    look_later = FolderWatch._look_later

    def note(watched: FolderWatch, seconds: float) -> None:
        pauses.append(seconds)
        look_later(watched, seconds)

    def fail_as_on_a_full_disk() -> None:
        (state / ".worker.json.0123").touch()
        (state / ".worker.json.0123").unlink()
        if len(pauses) > 4:
            enough.set()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder_watch, "_QUIET_SECONDS", 0.01)
    monkeypatch.setattr(FolderWatch, "_look_later", note)
    lock = StateLock(state)
    monkeypatch.setattr(lock, "make_again", fail_as_on_a_full_disk)
    enough = asyncio.Event()

    async def watch() -> None:
        watched = FolderWatch(lock, state, asyncio.get_running_loop(), enough.set)
        await asyncio.wait_for(enough.wait(), 30)
        watched.close()

    try:
        asyncio.run(watch())
    finally:
        lock.release()
    # The first is that of the start.
    assert pauses[:5] == [0.01, 0.01, 0.02, 0.04, 0.08]
