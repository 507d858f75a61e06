"""What the worker of an allocation leaves on its node."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobwire.worker.pilot import program

# In a namespace for mounts.
_MOUNTED = """
import os, subprocess, sys
from pathlib import Path
from jobwire.worker.pilot import program

state = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "t", str(state / "work" / "job" / "m")], check=True)
(state / "work" / "job" / "m" / "gold").touch()
program._remove(state)
print(*sorted(path.name for path in state.iterdir()))
print((state / "work" / "job" / "m" / "gold").exists())
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    (made / "work" / "job" / "m").mkdir(parents=True)
    (made / "logs" / "job").mkdir(parents=True)
    for name in ("identity", "work/job/file", "logs/job/stdout", "z"):
        (made / name).touch()
    return made


def test_nothing_is_left(state: Path) -> None:
    program._remove(state)
    program._remove(state)
    assert not state.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_only_what_a_job_left_mounted_stays(state: Path) -> None:
    said = subprocess.run(["unshare", "--mount", sys.executable, "-c", _MOUNTED, str(state)], check=True, capture_output=True, text=True)
    assert said.stdout == "work\nTrue\n"
