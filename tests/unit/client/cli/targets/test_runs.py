from __future__ import annotations

from jobwire.client.cli.targets.runs import counts
from jobwire.client.library.values.results import BatchInfo
from jobwire.client.library.values.run_info import RunInfo


def run(queued: int, running: int, ok: int, failed: int) -> RunInfo:
    return RunInfo(BatchInfo(b"r" * 16, "nightly"), b"o" * 32, "ada", queued, running, ok, failed, 1, 2)


def test_only_what_there_is_is_counted() -> None:
    assert counts(run(1, 2, 0, 3)) == "1 queued, 2 running, 3 failed"
    assert counts(run(0, 0, 4, 0)) == "4 ok"
    assert run(1, 2, 3, 4).jobs == 10
