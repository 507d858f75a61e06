"""What a run says about the jobs that it waits for."""

from __future__ import annotations

import pytest
from fake_desk import FakeJob

from jobwire.client.cli.batches.planning.plan import Plan
from jobwire.client.cli.batches.watch import submit_run
from jobwire.client.cli.exit_status import Ending
from jobwire.client.library.client import Client
from jobwire.client.library.values.results import BatchInfo
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.naming import format_id
from jobwire.schemas.refusal import Code, Refused

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


def test_ctrl_c_before_a_run_is_acknowledged_names_its_id(
    client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(client.connection, "call", interrupt)
    monkeypatch.setattr(client.connection, "next", interrupt)
    spec = JobSpec((b"echo",), name="one")
    for wait in (False, True):
        with pytest.raises(Ending) as ended:
            submit_run(client, Plan(BatchInfo(ID), {ID: spec}, {ID: spec}), [], wait=wait)
        assert ended.value.status == 130
        assert f"run it again with --id {format_id(ID)}: no job starts twice" in capsys.readouterr().err


def test_a_run_that_is_refused_is_not_announced(
    client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise Refused(Code.RESOURCE_EXHAUSTED, "too many jobs wait")

    spec = JobSpec((b"echo",), name="one")
    assert submit_run(client, Plan(BatchInfo(ID), {ID: spec}, {ID: spec}), [], wait=True) == 0
    assert capsys.readouterr().err.count(f"run {format_id(ID)}: 1 job\n") == 1
    monkeypatch.setattr(client.connection, "next", refuse)
    with pytest.raises(Refused):
        submit_run(client, Plan(BatchInfo(ID), {ID: spec}, {ID: spec}), [], wait=True)
    assert "run " not in capsys.readouterr().err
