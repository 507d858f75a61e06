"""What a start says about its run, read and refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobwire.broker.requests.checks.run_options import read_finish, read_run
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs.conditions import After, Condition
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.terminal import TerminalSize
from jobwire.schemas.refusal import Code, Refused

PLAIN = JobSpec((b"true",))


def test_what_a_run_ends_with_is_kept_as_it_was_received() -> None:
    on_finish = specs.to_wire(PLAIN)
    run = read_run(request_pb2.Start(batch=job_pb2.Batch(id=b"r" * 16, on_finish=on_finish)))
    assert run is not None
    assert read_finish(job_pb2.JobSpec.FromString(run.on_finish)) == PLAIN
    none = read_run(request_pb2.Start(batch=job_pb2.Batch(id=b"r" * 16)))
    assert none is not None
    assert not none.on_finish


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (JobSpec(()), "no program is given"),
        (replace(PLAIN, stdin=b""), "no standard input"),
        (replace(PLAIN, feed=True), "no standard input"),
        (replace(PLAIN, terminal=TerminalSize(24, 80)), "no standard input"),
        (replace(PLAIN, outputs=(b"x",)), "no files"),
        (replace(PLAIN, held=True), "no hold"),
        (replace(PLAIN, may_submit=True), "no key of its own"),
        (replace(PLAIN, start_in_ms=1), "no hold and no time"),
        (replace(PLAIN, after=(After(Condition.OK, job=b"j" * 16),)), "no conditions"),
        (replace(PLAIN, argv=(b"x" * 70_000,)), "the limit is 65536"),
    ],
)
def test_it_must_be_able_to_start_when_nothing_else_is_left(spec: JobSpec, why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        read_finish(specs.to_wire(spec))
    assert refused.value.code is Code.INVALID_ARGUMENT


def test_the_state_of_a_run_is_part_of_replies() -> None:
    batch = job_pb2.Batch(id=b"r" * 16, on_finish_state=job_pb2.STATE_FINISHED)
    with pytest.raises(Refused, match="replies only"):
        read_run(request_pb2.Start(batch=batch))
