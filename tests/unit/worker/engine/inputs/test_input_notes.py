"""What is noted of inputs: the last two notes, until the end of the job is settled."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobwire.broker.engine import Expected
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.engine.inputs.input_notes import InputNotes
from jobwire.worker.state.log_folders import folders

KEY = AttemptKey(b"o" * 32, b"i" * 16, 1)
HANDLE = folders.handle(KEY)
ONE, TWO, THREE = b"1" * 32, b"2" * 32, b"3" * 32


@pytest.fixture
def logs(tmp_path: Path) -> str:
    (tmp_path / "logs").mkdir()
    return str(tmp_path / "logs")


def test_the_last_note_of_what_has_arrived_is_found_after_a_restart(logs: str) -> None:
    notes = InputNotes(logs)
    assert notes.find(HANDLE, 10) == (0, b"")
    for size, state in ((10, ONE), (20, TWO), (30, THREE)):
        notes.note(HANDLE, size, state)
    again = InputNotes(logs)
    assert [again.find(HANDLE, reached) for reached in (19, 20, 29, 30, 99)] == [(0, b""), (20, TWO), (20, TWO), (30, THREE), (30, THREE)]
    # What did not arrive is noted once more, and the one before it stays.
    again.note(HANDLE, 30, ONE)
    again.note(HANDLE, 30, THREE)
    assert [again.find(HANDLE, reached) for reached in (29, 30)] == [(20, TWO), (30, THREE)]


def test_it_is_there_until_the_end_is_settled_and_readable_by_nobody_else(logs: str) -> None:
    notes, other = InputNotes(logs), folders.handle(KEY._replace(attempt=2))
    notes.note(HANDLE, 10, ONE)
    notes.note(other, 10, ONE)
    folder = Path(folders.input_path(logs, ""))
    assert {one.stat().st_mode & 0o777 for one in (folder, *folder.iterdir())} == {0o700, 0o600}
    again = InputNotes(logs)
    # The other one has ended, and this worker was killed before it was settled.
    again.expect([Expected(KEY, 0, 0, 0, launched=True)])
    assert [one.name for one in folder.iterdir()] == [HANDLE]
    again.settle([HANDLE, other])
    assert list(folder.iterdir()) == []


def test_who_cannot_note_goes_on(logs: str, caplog: pytest.LogCaptureFixture) -> None:
    Path(folders.input_path(logs, "")).parent.joinpath("inputs").write_text("no folder")
    InputNotes(logs).note(HANDLE, 10, ONE)
    assert "cannot be checked after a restart" in caplog.text
    assert InputNotes(logs).find(HANDLE, 10) == (0, b"")
