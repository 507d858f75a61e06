"""What a run says about the jobs that it waits for."""

from __future__ import annotations

import pytest
from fake_desk import FakeJob

from jobwire.client.cli.batches.plan import Plan
from jobwire.client.cli.batches.watch import submit_run
from jobwire.client.library.client import Client
from jobwire.client.library.results import BatchInfo
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.spec import JobSpec

ID = b"i" * 16


def test_the_reason_why_a_job_does_not_end_is_shown(
    client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = FakeJob.report

    def stuck(job: FakeJob, *, finished: bool) -> request_pb2.Report:
        made = report(job, finished=finished)
        made.waits_for = "" if finished else "process 7 cannot be ended"
        return made

    monkeypatch.setattr(FakeJob, "report", stuck)
    spec = JobSpec((b"echo",), name="one")

    assert submit_run(client, Plan(BatchInfo(ID), {ID: spec}, {ID: spec}), [], wait=True) == 0
    assert "one: process 7 cannot be ended" in capsys.readouterr().err
