"""Start a batch that is large: in parts, and then as a whole; of new jobs, or of those that run again."""

from __future__ import annotations

from collections.abc import Mapping

from ....schemas.generated import request_pb2
from ....schemas.jobs.spec import JobSpec
from ....schemas.naming import JobKey
from ..known_jobs import Record
from ..requests import questions, staged_reruns
from ..requests.dialogue import carry_out
from ..requests.staging import Parts, steps
from ..session import Session
from ..values.job_info import JobInfo
from ..values.results import BatchInfo
from .actions import accepted, find_specs, send_files


def start_staged(
    session: Session, wanted: Mapping[bytes, JobSpec | JobKey], batch: BatchInfo, found: Mapping[JobKey, JobInfo]
) -> list[Record]:
    """Start a batch as a whole, in parts: new jobs or those of which it has the keys, by their ids. Raises the refusal."""
    keys = [JobKey(session.connection.identity.owner, job_id) for job_id in wanted]
    again = {own: job for own, job in wanted.items() if isinstance(job, JobKey)}
    if again:
        parts = _parts_again(session, again, batch, found)
    else:
        send_files(session.connection, [*wanted.values()])
        parts = Parts(batch, [*wanted], [job for job in wanted.values() if isinstance(job, JobSpec)])
    if parts is None:
        return accepted(session.known_jobs, keys, request_pb2.Acknowledged(known=len(keys)))
    return accepted(session.known_jobs, keys, carry_out(session.connection.call, steps(parts)))


def _parts_again(session: Session, again: Mapping[bytes, JobKey], batch: BatchInfo, found: Mapping[JobKey, JobInfo]) -> Parts | None:
    """Return the parts of a run of jobs that run again; None if it has all of them already."""
    connection = session.connection
    known = session.list_jobs(request_pb2.List(all=True, batch=batch.id, owner=connection.identity.owner))
    if staged_reruns.is_repeated(again, [*known]):
        return None
    told = questions.ask_all(connection, staged_reruns.questions_about(again.values(), found))
    return staged_reruns.parts_again(batch, again, staged_reruns.all_known(found, told), find_specs(connection, again))
