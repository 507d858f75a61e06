"""The folders of unit tests mirror those of the code, so that whoever changes a module finds its tests by its path."""

from __future__ import annotations

import re

from documents import ROOT

TESTS = ROOT / "tests" / "unit"


def test_a_unit_test_that_is_named_like_a_module_lies_in_its_folder() -> None:
    for path in TESTS.glob("*/**/test_*.py"):
        folder = ROOT / path.parent.relative_to(TESTS)
        assert folder.is_dir(), f"{path} is in a folder that the code does not have"
        module = f"{path.stem.removeprefix('test_')}.py"
        assert (folder / module).exists() or not list(folder.rglob(module)), f"{path} is not in the folder of {module}"


def test_what_is_run_for_every_change_exists() -> None:
    named = re.findall(r"\btests/[\w/]+(?:\.py\b)?", (ROOT / ".ci" / "run").read_text())
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []
