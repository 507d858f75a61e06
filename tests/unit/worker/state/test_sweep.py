import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from jobwire.broker.engine import Launch, Run
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.state.log_folders import folders, new_folders
from jobwire.worker.state.sweep import Sweeper, remove_runs

KEY = AttemptKey(b"o" * 32, b"i" * 16, 1)


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
    assert remove_runs(tmp_path, [run]) == [run]
    assert len(list(tmp_path.iterdir())) == 1
    # Gone already is gone as well.
    assert remove_runs(tmp_path, [run]) == [run]


def test_a_folder_that_holds_something_else_stays_and_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = Run(KEY, 7, 1, 2)
    folder = folder_of(tmp_path, run, "stdout", "job")
    (folder / "mine").mkdir()
    assert remove_runs(tmp_path, [run]) == []
    assert folder.exists()
    assert str(folder) in caplog.text


def test_of_two_that_could_not_be_started_only_the_right_one_is_removed(tmp_path: Path) -> None:
    """Both have the pid 0, and they may have the same times: there is one folder, of one of them."""
    logs = str(tmp_path)
    other = AttemptKey(KEY.owner, b"j" * 16, 1)
    new_folders.write_intent(logs, Launch(KEY, JobSpec((b"x",))), directory=b"/", grace_ms=0)
    folder = Path(folders.intent_path(logs, folders.handle(KEY))).rename(folders.run_path(logs, 0, 1, 2))
    remove_runs(tmp_path, [Run(other, 0, 1, 2)])
    assert folder.exists()
    remove_runs(tmp_path, [Run(KEY, 0, 1, 2)])
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
