"""What a daemon has in place of standard streams that were closed when it was started."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LOOK = 'import json, os, sys; json.dump([os.readlink(f"/proc/self/fd/{number}") for number in range(3)], open(sys.argv[1], "w"))'
FILL = """
import os, sys
from jobwire.worker.own_process import standard_streams
# It takes the first place that is free, and ends with this program.
kept = open(sys.executable)
standard_streams.fill()
os.execv(sys.executable, sys.argv[1:])
"""


@pytest.mark.parametrize("closed", [numbers for count in range(4) for numbers in itertools.combinations(range(3), count)])
def test_what_was_closed_is_null_and_what_was_open_stays(closed: tuple[int, ...], tmp_path: Path) -> None:
    closing = " ".join(f"{number}>&-" for number in closed)
    command = [sys.executable, "-P", "-c", FILL, sys.executable, "-c", LOOK, str(tmp_path / "found")]
    subprocess.run(["sh", "-c", f'exec "$@" {closing}', "sh", *command], input=b"", capture_output=True, check=True, timeout=60)
    found = json.loads((tmp_path / "found").read_text())
    assert [number for number, path in enumerate(found) if path == os.devnull] == list(closed)
    assert all(path.startswith("pipe:") for number, path in enumerate(found) if number not in closed)
