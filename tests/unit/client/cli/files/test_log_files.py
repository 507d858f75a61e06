"""What the files of `logs --to` are called."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from jobwire.client.cli.files.log_files import file_names


def _job(name: str, number: int) -> Any:
    return SimpleNamespace(name=name, key=SimpleNamespace(id=bytes([number]) * 16))


def test_files_are_named_after_jobs_and_after_ids_where_names_do_not_tell_jobs_apart() -> None:
    jobs = [_job("one", 1), _job("", 2), _job("same", 3), _job("same", 4)]
    assert file_names(jobs) == ["one", "02020202", "same-03030303", "same-04040404"]
