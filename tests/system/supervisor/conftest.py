"""A pair of keeper and supervisor for each test that asks for one; its log is shown when the test fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from raw_desk import RawDesk, serving, start_pair
from requirements import UNPRIVILEGED, can_run

from jobwire.worker.keeper import process


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RawDesk]:
    process.start(tmp_path)
    with serving(tmp_path) as one:
        yield one


@pytest.fixture(params=["root", "ordinary"])
def anybodys(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[RawDesk, tuple[str, ...]]]:
    """Return the pair of a privileged user and of an ordinary one who can read what is installed here; and what starts another such."""
    prefix = UNPRIVILEGED if request.param == "ordinary" else ()
    if not can_run(*prefix, "true"):
        pytest.skip("rights cannot be dropped here")
    start_pair(tmp_path, *prefix)
    with serving(tmp_path) as one:
        yield one, prefix


@pytest.fixture(params=["cgroups", "sessions"])
def any_box(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with cgroups, if they can be used here, and without."""
    if request.param == "sessions":
        monkeypatch.setenv("JOBWIRE_CGROUPS", "off")
