"""Files of the state folder, or all of it, are removed from under those who live there."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from daemons import Worker, wait_until
from processes import is_alive

_SLEEP = "import time; print(flush=True); time.sleep(100)"


def _start(worker: Worker, *argv: str) -> int:
    """Start a job; get its pid."""
    with worker.client() as client:
        job = client.submit([*argv])
        return wait_until(lambda: client.job(job.id).info().pid, "it runs")


def test_a_worker_whose_lock_was_removed_stays_the_only_one(worker: Worker) -> None:
    pid = _start(worker, "sleep", "100")
    for name in ("lock", "worker.json"):
        (worker.state / name).unlink()
    assert "holds the state folder" in worker.refusal()
    wait_until(lambda: (worker.state / "lock").exists() and (worker.state / "worker.json").exists(), "they are made again")
    assert worker.described()["pid"] == worker.description["pid"]
    assert f"pid {worker.description['pid']}" in worker.refusal()
    assert json.loads(worker.command("status", "--json").stdout)["jobs"]["running"] == 1
    assert is_alive(pid)


@pytest.mark.parametrize("verb", ["stop", "reload"])
@pytest.mark.parametrize(
    "other", [{"pid_namespace": "pid:[1]"}, {"boot_id": "another"}, {"start_ticks": 1}], ids=["namespace", "boot", "start"]
)
def test_a_process_that_is_not_the_worker_is_never_signalled(worker: Worker, verb: str, other: dict[str, object]) -> None:
    with subprocess.Popen([sys.executable, "-c", _SLEEP], stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None
        stranger.stdout.readline()
        said = worker.described()
        (worker.state / "worker.json").write_text(json.dumps({**said, "pid": stranger.pid, **other}))
        assert "your worker runs elsewhere" in worker.command(verb, status=1).stderr
        assert stranger.poll() is None
        stranger.kill()
    (worker.state / "worker.json").write_text(json.dumps(said))
