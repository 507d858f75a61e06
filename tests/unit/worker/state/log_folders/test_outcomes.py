"""The `outcome` file in a log folder: what is read of one that is whole, and of one that is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobwire.worker.state.log_folders.outcomes import OutcomeFile, outcome_text, read_outcome, write_outcome

WHOLE = OutcomeFile("exited", 3, 0, "exited with status 3", 9, 10, 20, 5, 6, ended_passed_us=7)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    for one in (WHOLE, WHOLE._replace(sentence="\N{BLACK HEART SUIT}", cpu_us=4, read_bytes=0, written_bytes=1 << 40)):
        write_outcome(str(tmp_path), outcome_text(one))
        assert read_outcome(str(tmp_path)) == one


@pytest.mark.parametrize(
    "damage",
    [
        *({name: 1 << 70} for name in ("exit_status", "signal", "pid", "started_at_us", "ended_at_us", "stdout_bytes", "ended_passed_us")),
        *({name: -1} for name in ("exit_status", "signal", "pid", "started_at_us", "stderr_bytes")),
        {"exit_status": 1 << 31},
        {"exit_status": True},
        {"sentence": "\ud800"},
        {"stdout_problem": "a\udfff"},
    ],
    ids=ascii,
)
def test_of_a_damaged_one_nothing_is_read(tmp_path: Path, damage: dict[str, object]) -> None:
    """Neither the wire nor the store could hold it, and the job would count as running for ever."""
    (tmp_path / "outcome").write_text(json.dumps(json.loads(outcome_text(WHOLE)) | damage))
    assert read_outcome(str(tmp_path)) is None
