"""What `jobwire batch` says about the jobs that it waits for."""

from __future__ import annotations

import pytest
from fake_desk import FakeJob

from jobwire.client.cli.commands.batch import _watch
from jobwire.client.library.client import Client
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.spec import JobSpec, to_wire

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
    request = request_pb2.Start(batch=job_pb2.Batch(id=ID), watch=True, jobs=[request_pb2.NewJob(id=ID, spec=to_wire(spec))])

    assert _watch(client, request, {ID: spec}) == 0
    assert "one: process 7 cannot be ended" in capsys.readouterr().err
