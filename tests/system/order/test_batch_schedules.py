"""A schedule of a batch starts each run as a whole and once, whenever the worker dies."""

from __future__ import annotations

from pathlib import Path

import pytest
from daemons import Worker, wait_until

from jobwire.client.library.requests.schedules import run_request
from jobwire.schemas.naming import format_id, new_id
from jobwire.schemas.refusal import Refused

_JOBS = 60


@pytest.mark.parametrize("fault", ["after-start-of-a-run", "after-slice:2"])
def test_a_worker_that_dies_in_the_middle_starts_each_job_of_a_run_once(worker: Worker, tmp_path: Path, fault: str) -> None:
    spent, ledger = tmp_path / "spent", tmp_path / "ledger"
    spent.mkdir()
    worker.kill()
    worker.env |= {"JOBWIRE_FAULT": fault, "JOBWIRE_FAULT_SPENT": str(spent)}
    worker.start()
    tables = {
        "batch": {"on_finish": ["sh", "-c", f"echo $JOBWIRE_RUN_OK >> {ledger}"]},
        "job": [
            {"name": "n", "argv": ["sh", "-c", f"echo n{{item}} >> {ledger}"], "for_each": f"1..{_JOBS}"},
            {"name": "behind", "argv": ["sh", "-c", f"echo behind >> {ledger}"], "after": "n"},
        ],
    }
    with worker.client() as client:
        info = client.schedules.add_batch("tick", tables, cron="@yearly", zone="UTC")
        assert (info.jobs, info.batch and info.batch.name, info.spec) == (_JOBS + 1, "tick", None)
        assert client.status().queued == 0
        run = new_id()
        asked = client.connection.ask(run_request(info.key, run))
        wait_until(lambda: client.connection.pump(0) or (spent / fault.partition(":")[0]).exists(), "it dies there")
        assert worker.process is not None
        worker.process.wait(60)
        worker.start()
        # Repeated by the connection if it was not answered, and by a program that does not know that.
        client.connection.next(asked)
        client.schedules.run_now(info.key, run)
        ended = client.batch_run(format_id(run)).wait(timeout=60)
        assert (ended.ok, ended.failed) == (_JOBS + 1, 0)
        wait_until(lambda: len(ledger.read_text().split()) == _JOBS + 2, "what it ends with has run")
        words = ledger.read_text().split()
        assert sorted(words[:-2]) == sorted(f"n{number}" for number in range(1, _JOBS + 1))
        assert words[-2:] == ["behind", str(_JOBS + 1)]
        client.schedules.remove(info.key)
        with pytest.raises(Refused, match="no schedule"):
            client.schedules.get("tick")
