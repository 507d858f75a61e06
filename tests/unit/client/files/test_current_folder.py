"""What needs the current folder says so if it was removed; what does not, does not notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobwire.client.cli.main import command_line
from jobwire.client.files.current_folder import absolute
from jobwire.client.library.batches import plan_batch
from jobwire.schemas.refusal import Refused

GONE = "the current folder was removed"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()


def test_only_a_relative_path_needs_it() -> None:
    assert absolute(b"/\xff") == b"/\xff"
    with pytest.raises(Refused, match=GONE):
        absolute(b"\xff")


@pytest.mark.parametrize("words", [["--", "xargs", "-n1", "echo"], ["script.sh"]])
def test_a_conversion_names_it(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["convert", *words]) == 1
    assert GONE in capsys.readouterr().err


def test_the_library_needs_it_only_for_what_is_relative(tmp_path: Path) -> None:
    def plan(jobs: Any) -> int:
        how: dict[str, Any] = dict.fromkeys(("id", "name", "parallel", "on_failure", "on_finish", "values"))
        return len(plan_batch(jobs, lines=False, **how).specs)

    (tmp_path / "batch.toml").write_text('[[job]]\nargv = ["true"]\n')
    assert plan([{"argv": ["true"]}]) == 1
    assert plan(tmp_path / "batch.toml") == 1
    with pytest.raises(Refused, match=GONE):
        plan("batch.toml")
    with pytest.raises(Refused, match=GONE):
        plan([{"argv": ["true"], "put": ["x"]}])


def test_what_fails_without_a_name_because_of_it_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["worker", "run"]) == 125
    assert GONE in capsys.readouterr().err
