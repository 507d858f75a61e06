"""A worker as process 1 of a pid namespace, as in a container: orphans become its children and are reaped."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from daemons import READY_SECONDS, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="only root makes pid namespaces, with unshare")


@pytest.fixture
def process_one(tmp_path: Path) -> Iterator[int]:
    """Start it, and return its pid in this namespace."""
    read, write = os.pipe()
    run = [sys.executable, "-P", "-m", "jobwire.client.cli.main", "worker", "run", "--state", str(tmp_path / "state")]
    run += ["--roster", str(tmp_path / "roster.toml"), "--ready-fd", str(write)]
    with (tmp_path / "log").open("wb") as log:
        outside = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *run], pass_fds=[write], stderr=log)
    os.close(write)
    try:
        with os.fdopen(read, "rb") as ready:
            assert select.select([ready], [], [], READY_SECONDS)[0]
            assert ready.readline(), (tmp_path / "log").read_text()
        yield children(outside.pid)[0]
    finally:
        outside.kill()
        outside.wait()


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def described(state: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((state / "worker.json").read_bytes())
    return found


def test_a_keeper_that_is_killed_again_and_again_leaves_no_zombie(process_one: int, tmp_path: Path) -> None:
    for _ in range(3):
        before = described(tmp_path / "state")["keeper_pid"]
        (keeper,) = children(process_one)
        os.kill(keeper, signal.SIGKILL)
        wait_until(lambda before=before: described(tmp_path / "state")["keeper_pid"] not in (0, before), "there is another keeper")
        # Only that one, and no zombie.
        wait_until(lambda keeper=keeper: len(children(process_one)) == 1 and keeper not in children(process_one), "it is reaped")
