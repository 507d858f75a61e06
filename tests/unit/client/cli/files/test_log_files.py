"""What the files of `logs --to` are called."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest

from jobwire.client.cli.exit_status import is_no_answer
from jobwire.client.cli.files.log_files import LogFolder, file_names
from jobwire.schemas.refusal import Code, Refused


def _job(name: str, number: int) -> Any:
    return SimpleNamespace(name=name, key=SimpleNamespace(id=bytes([number]) * 16))


def test_files_are_named_after_jobs_and_after_ids_where_names_do_not_tell_jobs_apart() -> None:
    jobs = [_job("one", 1), _job("", 2), _job("same", 3), _job("same", 4)]
    assert file_names(jobs) == ["one", "02020202", "same-03030303", "same-04040404"]


@pytest.mark.parametrize(("number", "is_full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EACCES, False)])
def test_a_full_disk_is_no_refusal_of_what_was_typed(number: int, is_full: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    folder = LogFolder(str(tmp_path / "logs"))

    def fail(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("jobwire.client.cli.files.log_files.os.open", fail)
    with pytest.raises(Refused, match="cannot be written") as refused:
        folder.write(_job("one", 1), "one", ["stdout"], follow=False)
    assert is_no_answer(refused.value) == is_full


class Log:
    """A job with a log, reading which fails at a position."""

    def __init__(self, data: bytes, fails_at: int = -1, problem: BaseException | None = None) -> None:
        self.name = "one"
        self.data, self._fails_at, self._problem = data, fails_at, problem

    def log_size(self, stream: str) -> tuple[int, int]:
        del stream
        return len(self.data), 1

    def read_range(self, stream: str, start: int, length: int, *, attempt: int | None) -> tuple[bytes, int]:
        del stream, length, attempt
        if start == self._fails_at and self._problem is not None:
            raise self._problem
        return self.data[start : start + 4], len(self.data)


def write(folder: Path, job: Any) -> None:
    LogFolder(str(folder)).write(job, "one", ["stdout"], follow=False)


@pytest.mark.parametrize("kind", ["fifo", "link", "folder", "socket"])
@pytest.mark.parametrize("follow", [False, True])
def test_what_is_no_file_is_neither_waited_for_nor_replaced(tmp_path: Path, kind: str, follow: bool) -> None:  # noqa: FBT001
    place = tmp_path / "one.stdout"
    match kind:
        case "fifo":
            os.mkfifo(place)
        case "link":
            place.symlink_to(tmp_path / "elsewhere")
        case "folder":
            place.mkdir()
        case _:
            os.mknod(place, stat.S_IFSOCK | 0o600)
    mode = place.lstat().st_mode
    with pytest.raises(Refused, match="something that is not a file has this name; remove it"):
        LogFolder(str(tmp_path)).write(cast("Any", Log(b"new")), "one", ["stdout"], follow=follow)
    assert place.lstat().st_mode == mode
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("problem", [Refused(Code.UNAVAILABLE, "gone"), KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
def test_a_file_that_is_there_stays_if_the_output_cannot_be_written_whole(tmp_path: Path, problem: BaseException) -> None:
    write(tmp_path, Log(b"as it was"))
    with pytest.raises(Refused if isinstance(problem, OSError) else type(problem)):
        write(tmp_path, Log(b"newer output", 8, problem))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("one.stdout", b"as it was")]
    write(tmp_path, Log(b"newer output"))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("one.stdout", b"newer output")]


def test_what_could_be_read_is_written_if_there_was_no_file(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="damaged"):
        write(tmp_path, Log(b"newer output", 8, Refused(Code.FAILED_PRECONDITION, "damaged")))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("one.stdout", b"newer ou")]
