import asyncio
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from jobwire.broker.engine import Launch, Run
from jobwire.broker.own_process.threads import Pool
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.state.log_folders import folders, new_folders
from jobwire.worker.state.sweep import Sweeper, remove_runs

KEY = AttemptKey(b"o" * 32, b"i" * 16, 1)


def _to_the_end() -> bool:
    return True


def folder_of(logs: Path, run: Run, *names: str) -> Path:
    folder = Path(folders.run_path(str(logs), run.pid, run.started_at_us, run.ended_at_us))
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"x")
    return folder


def test_a_folder_is_removed_with_all_its_files(tmp_path: Path) -> None:
    run = Run(KEY, 7, 1, 2)
    folder_of(tmp_path, run, "stdout", "stderr", "job", "outcome")
    folder_of(tmp_path, Run(KEY, 8, 1, 2), "stdout")
    assert remove_runs(tmp_path, [run], _to_the_end) == [run]
    assert len(list(tmp_path.iterdir())) == 1
    # Gone already is gone as well.
    assert remove_runs(tmp_path, [run], _to_the_end) == [run]


def test_a_folder_that_holds_something_else_stays_and_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = Run(KEY, 7, 1, 2)
    folder = folder_of(tmp_path, run, "stdout", "job")
    (folder / "mine").mkdir()
    assert remove_runs(tmp_path, [run], _to_the_end) == []
    assert folder.exists()
    assert str(folder) in caplog.text


def test_of_two_that_could_not_be_started_only_the_right_one_is_removed(tmp_path: Path) -> None:
    """Both have the pid 0, and they may have the same times: there is one folder, of one of them."""
    logs = str(tmp_path)
    other = AttemptKey(KEY.owner, b"j" * 16, 1)
    new_folders.write_intent(logs, Launch(KEY, JobSpec((b"x",))), directory=b"/", grace_ms=0)
    folder = Path(folders.intent_path(logs, folders.handle(KEY))).rename(folders.run_path(logs, 0, 1, 2))
    remove_runs(tmp_path, [Run(other, 0, 1, 2)], _to_the_end)
    assert folder.exists()
    remove_runs(tmp_path, [Run(KEY, 0, 1, 2)], _to_the_end)
    assert not folder.exists()


async def test_the_removal_of_many_is_answered_once(tmp_path: Path) -> None:
    """Leftovers are removed page by page: the next page is asked for when this one is done."""
    runs = [Run(KEY, 7, number, number + 1) for number in range(1, 121)]
    told: asyncio.Queue[Sequence[Run]] = asyncio.Queue()
    sweeper = Sweeper(tmp_path, asyncio.get_running_loop())
    sweeper.sweep(runs, told.put_nowait)
    sweeper.sweep(runs[:1], told.put_nowait)
    async with asyncio.timeout(60):
        assert [await told.get(), await told.get()] == [runs, runs[:1]]
    assert told.empty()
    sweeper.close()


def work_of(logs: Path, run: Run, *names: str) -> Path:
    """Give a job a folder with these files, two levels deep."""
    inner = Path(folders.job_folder(folders.work_beside(str(logs)), run.key)) / "1" / "made"
    inner.mkdir(parents=True)
    for name in names:
        (inner / name).write_bytes(b"x")
    return inner


@pytest.mark.parametrize("files", [0, 1, 5, 9])
def test_a_removal_ends_between_two_files_and_is_completed_later(tmp_path: Path, files: int, caplog: pytest.LogCaptureFixture) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    run = Run(KEY, 7, 1, 2)
    folder_of(logs, run, "stdout", "job")
    inner = work_of(logs, run, *map(str, range(12)))
    before = sum(len(found) for _, _, found in os.walk(tmp_path / "work"))
    # Before the run, for the two folders on the way, and for the inner one again, which moves up first.
    asked = iter(range(files + 4))
    assert remove_runs(logs, [run], lambda: next(asked, None) is not None) == []
    left = sum(len(found) for _, _, found in os.walk(tmp_path / "work"))
    assert before - files == left
    assert not caplog.records
    assert remove_runs(logs, [run], _to_the_end) == [run]
    assert not inner.parent.parent.exists()


async def test_whoever_closes_it_does_not_wait_for_the_removal_of_a_large_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    run = Run(KEY, 7, 1, 2)
    inner = work_of(logs, run, "a", "b", "c")
    begun, gate = threading.Event(), threading.Event()
    unlink = os.unlink

    def wait(*arguments: Any, **named: Any) -> None:
        begun.set()
        gate.wait(60)
        unlink(*arguments, **named)

    monkeypatch.setattr(os, "unlink", wait)
    sweeper = Sweeper(logs, asyncio.get_running_loop())
    sweeper.sweep([run], lambda _: pytest.fail("it is closed"))
    await asyncio.to_thread(begun.wait, 60)
    end = Pool.shutdown

    def let_go_on(pool: Pool, **named: Any) -> None:
        gate.set()
        end(pool, **named)

    monkeypatch.setattr(Pool, "shutdown", let_go_on)
    sweeper.close()
    assert inner.parent.parent.exists()
