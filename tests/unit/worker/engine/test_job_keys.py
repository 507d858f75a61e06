"""Of the files with the keys of jobs, those of jobs that have ended are removed, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from jobwire.broker.engine import Expected
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.engine.inputs.input_notes import InputNotes
from jobwire.worker.engine.job_keys import JobKeys
from jobwire.worker.state.log_folders import folders

Expect = Callable[[str, Sequence[Expected]], None]
EXPECT: dict[str, Expect] = {
    "keys": lambda logs, expected: JobKeys(logs).expect(expected),
    "inputs": lambda logs, expected: InputNotes(logs).expect(expected),
}


@pytest.mark.parametrize(("folder", "expect"), EXPECT.items(), ids=EXPECT)
def test_a_folder_that_is_made_the_state_folder_by_mistake_loses_none_of_its_files(tmp_path: Path, folder: str, expect: Expect) -> None:
    ended = [folders.handle(AttemptKey(b"o" * 32, b"i" * 16, attempt)) for attempt in (1, 2)]
    strangers = ["server.pem", "__init__.py", "0" * 32, f"{ended[0]}.bak", f".{ended[0]}"]
    (tmp_path / folder).mkdir()
    for name in (*ended, *strangers):
        (tmp_path / folder / name).write_text("precious")
    expect(str(tmp_path / "logs"), [])
    assert sorted(path.name for path in (tmp_path / folder).iterdir()) == sorted(strangers)
