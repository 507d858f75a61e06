"""Which worker the files of a folder describe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobwire.client.private_worker.running import described as found_in
from jobwire.keys.holder import DESCRIPTION, identify
from jobwire.keys.identity import format_public, generate


@pytest.fixture
def described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Return the description that a worker writes, with this process as the worker."""
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path / "config"))
    said = {**identify(), "endpoint": "tcp://127.0.0.1:7341", "key": format_public(generate().public)}
    (tmp_path / DESCRIPTION).write_text(json.dumps(said))
    return said


def test_a_worker_whose_lock_file_was_removed_is_found_by_its_process(described: dict[str, object], tmp_path: Path) -> None:
    found = found_in(tmp_path, "")
    assert found is not None
    assert found.endpoint == described["endpoint"]


def test_a_description_of_a_former_worker_is_not_that_of_the_one_that_holds_the_folder_now(
    described: dict[str, object], tmp_path: Path
) -> None:
    assert found_in(tmp_path, "1") is None
    for other in ({"start_ticks": 1}, {"boot_id": "another"}):
        (tmp_path / DESCRIPTION).write_text(json.dumps({**described, **other}))
        assert found_in(tmp_path, "") is None
