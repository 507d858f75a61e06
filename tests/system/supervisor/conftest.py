"""A pair of keeper and supervisor for each test that asks for one; its log is shown when the test fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from raw_desk import RawDesk, serving

from jobwire.worker import keeper


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RawDesk]:
    keeper.start(tmp_path)
    with serving(tmp_path) as one:
        yield one


@pytest.fixture(params=["cgroups", "sessions"])
def any_box(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with cgroups, if they can be used here, and without."""
    if request.param == "sessions":
        monkeypatch.setenv("JOBWIRE_CGROUPS", "off")
