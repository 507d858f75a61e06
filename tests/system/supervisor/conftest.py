"""A pair of keeper and supervisor for each test that asks for one; its log is shown when the test fails."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from raw_desk import RawDesk, is_alive, our_cgroups, until

from jobwire.worker import folders, keeper


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RawDesk]:
    """Give a desk connected to a fresh pair; afterwards nothing of the pair is left."""
    keeper.start(tmp_path)
    one = RawDesk(tmp_path)
    try:
        yield one
        one.retire()
        until(lambda: not is_alive(one.keeper) and not is_alive(one.supervisor), "the end of keeper and supervisor")
        assert our_cgroups(tmp_path) == []
    finally:
        one.socket.close()
        for pid in (one.keeper, one.supervisor):
            if pid and is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        log = (tmp_path / folders.SUPERVISOR_LOG).read_text()
        print(log)
    assert "Traceback" not in log


@pytest.fixture(params=["cgroups", "sessions"])
def any_box(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with cgroups, if they can be used here, and without."""
    if request.param == "sessions":
        monkeypatch.setenv("JOBWIRE_CGROUPS", "off")
