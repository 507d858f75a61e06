from pathlib import Path

from jobwire.broker.engine import Launch
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.state.log_folders import folders, found_folders, new_folders

KEY = AttemptKey(b"o" * 32, b"i" * 16, 1)
START, END = 1_795_500_000_000_001, 1_795_500_000_000_002


def make_run(logs: Path, key: AttemptKey, pid: int, start: int, end: int = 0) -> Path:
    path = Path(folders.run_path(str(logs), pid, start, end))
    new_folders.write_intent(str(logs), Launch(key, JobSpec((b"true",))), directory=b"/", grace_ms=7)
    return Path(folders.intent_path(str(logs), folders.handle(key))).rename(path)


def test_a_run_is_found_by_its_process_and_start(tmp_path: Path) -> None:
    running = make_run(tmp_path, KEY, 7, START)
    ended = make_run(tmp_path, KEY, 7, START - 10, END)
    logs = str(tmp_path)
    assert found_folders.find_run(logs, 7, START) == str(running)
    assert found_folders.find_run(logs, 7, START - 10) == str(ended)
    assert found_folders.find_run(logs, 7, START - 10, END) == str(ended)
    assert found_folders.find_run(logs, 7, START - 10, END + 1) is None
    assert found_folders.find_run(logs, 8, START) is None


def test_ended_jobs_are_found_by_handle_and_the_newest_run_counts(tmp_path: Path) -> None:
    other = AttemptKey(b"p" * 32, b"i" * 16, 1)
    make_run(tmp_path, KEY, 5, START, END)
    newest = make_run(tmp_path, KEY, 4, START + 100, END + 100)
    make_run(tmp_path, other, 6, START)
    (tmp_path / "notes").mkdir()
    found = found_folders.find_ended(str(tmp_path), {folders.handle(KEY), folders.handle(other)})
    assert found == {folders.handle(KEY): str(newest)}


def test_nothing_is_found_where_all_logs_were_removed(tmp_path: Path) -> None:
    assert found_folders.find_ended(str(tmp_path / "logs"), {folders.handle(KEY)}) == {}
    assert found_folders.find_run(str(tmp_path / "logs"), 7, START) is None


def test_of_two_attempts_at_a_job_each_is_found_by_its_own_handle(tmp_path: Path) -> None:
    second = KEY._replace(attempt=2)
    ended = {
        folders.handle(KEY): make_run(tmp_path, KEY, 5, START, END),
        folders.handle(second): make_run(tmp_path, second, 6, END, END + 1),
    }
    for handle, path in ended.items():
        assert found_folders.find_ended(str(tmp_path), {handle}) == {handle: str(path)}


def test_what_is_there_and_cannot_be_read_is_told_and_what_is_no_folder_is_not(tmp_path: Path) -> None:
    broken = make_run(tmp_path, KEY, 5, START, END)
    (broken / "job").unlink()
    (broken / "job").mkdir()
    (tmp_path / make_run(tmp_path, KEY, 6, START, END).name / "job").unlink()
    (tmp_path / folders.run_path("", 7, START, END).lstrip("/")).touch()
    unread: dict[str, OSError] = {}
    assert found_folders.find_ended(str(tmp_path), {folders.handle(KEY)}, 0, unread.__setitem__) == {}
    assert [(name, type(error)) for name, error in unread.items()] == [(broken.name, IsADirectoryError)]
