"""What the files of `logs --to` are called."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from jobwire.client.cli.exit_status import is_no_answer
from jobwire.client.cli.files.log_files import LogFolder, file_names
from jobwire.schemas.refusal import Refused


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
