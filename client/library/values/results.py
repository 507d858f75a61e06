"""What the library returns about jobs. Frozen; made from what came over the wire.

Times are microseconds since 1970 UTC (`..._us`; 0: not yet); properties of the same name without `_us` give a datetime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ....schemas.generated import job_pb2
from ....schemas.jobs.spec import JobSpec, from_wire
from ....schemas.jobs.states import OnFailure, Outcome, State
from ....schemas.naming import finish_job_id
from ....schemas.wire_codec import outcome_from_wire, state_from_wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from ..options.arguments import Text


class BatchInfo(NamedTuple):
    """A group of jobs submitted together: the id of its run (16 bytes), its name, and how many run at once (0: no limit).

    `on_failure`: what a failed job does to the others. `on_finish`: the job that runs once when all of them have ended, a result of
    `jobwire.job_spec`, or an argv. `is_whole`, when it is submitted: these are all of its jobs; if it has others, it is refused. Only in a
    `RunInfo`: the state of the `on_finish` job, None before all have ended, and its outcome.
    """

    id: bytes
    name: str = ""
    parallel: int = 0
    on_failure: OnFailure = OnFailure.CONTINUE
    on_finish: JobSpec | Sequence[Text] | None = None
    on_finish_state: State | None = None
    on_finish_outcome: Outcome | None = None
    is_whole: bool = False

    @property
    def on_finish_id(self) -> bytes:
        """The id of the job that runs `on_finish`, if the run has one."""
        return finish_job_id(self.id)


def batch_info(message: job_pb2.Batch) -> BatchInfo:
    """Return a run received over the wire; an `on_failure` of a newer worker is unknown."""
    try:
        on_failure = OnFailure(message.on_failure)
    except ValueError:
        on_failure = OnFailure.CONTINUE
    return BatchInfo(
        message.id,
        message.name,
        message.parallel,
        on_failure,
        from_wire(message.on_finish) if message.HasField("on_finish") else None,
        state_from_wire(message.on_finish_state) if message.on_finish_state else None,
        outcome_from_wire(message.on_finish_outcome) if message.HasField("on_finish_outcome") else None,
    )


class Forgotten(NamedTuple):
    """How many jobs were removed (not counting those removed before), and the size of their logs in bytes."""

    jobs: int
    log_bytes: int


def span(length_us: int) -> timedelta:
    """Return a timedelta for microseconds."""
    from datetime import timedelta  # noqa: PLC0415 -- 3 ms that most commands need not wait for

    return timedelta(microseconds=length_us)


def moment(at_us: int) -> datetime | None:
    """Return a datetime for microseconds; None for 0."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415 -- 3 ms that most commands need not wait for

    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us) if at_us else None
