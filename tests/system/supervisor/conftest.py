"""A pair of keeper and supervisor for each test that asks for one; its log is shown when the test fails."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from raw_desk import RawDesk, serving, start_pair

from jobwire.worker.keeper import process


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RawDesk]:
    process.start(tmp_path)
    with serving(tmp_path) as one:
        yield one


@pytest.fixture(params=["root", "ordinary"])
def anybodys(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[RawDesk, tuple[str, ...]]]:
    """Return the pair of a privileged user and of an ordinary one, and what starts another of the kind.

    Root without a capability is an ordinary user to the kernel, who can read what is installed here.
    """
    prefix = ("setpriv", "--securebits=+noroot", "--bounding-set=-all", "--inh-caps=-all") if request.param == "ordinary" else ()
    if prefix and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("rights cannot be dropped here")
    start_pair(tmp_path, *prefix)
    with serving(tmp_path) as one:
        yield one, prefix


@pytest.fixture(params=["cgroups", "sessions"])
def any_box(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with cgroups, if they can be used here, and without."""
    if request.param == "sessions":
        monkeypatch.setenv("JOBWIRE_CGROUPS", "off")
