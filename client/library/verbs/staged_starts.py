"""Start a large batch: in parts, and then as a whole; with new jobs or reruns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ....schemas.generated import request_pb2
from ....schemas.jobs.spec import JobSpec
from ....schemas.naming import JobKey
from ....schemas.refusal import Refused
from ..known_jobs import Record
from ..requests import questions, staged_reruns
from ..requests.dialogue import carry_out
from ..requests.staging import Parts, steps
from ..session import Session
from ..values.job_info import JobInfo
from ..values.results import BatchInfo
from .actions import accepted, find_specs, send_files, start_request

_MOST_WATCHED = 4000


def start_staged(
    session: Session, wanted: Mapping[bytes, JobSpec | JobKey], batch: BatchInfo, found: Mapping[JobKey, JobInfo]
) -> list[Record]:
    """Start a batch as a whole, in parts: new jobs, or reruns by their keys, by their ids. Raises the refusal."""
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


def watch_staged(
    session: Session,
    wanted: Mapping[bytes, JobSpec | JobKey],
    batch: BatchInfo,
    records: Sequence[Record],
    tail_lines: int | None,
    most_watches: int,
) -> None:
    """Watch staged new jobs, with starts that name them once more and start nothing again.

    Querying each of them would take longer. Of very many, no caller waits for each.
    """
    if len(wanted) > _MOST_WATCHED or not all(isinstance(job, JobSpec) for job in wanted.values()):
        return
    known = {record.key.id: record for record in records}
    parts = Parts(batch, [*wanted], [job for job in wanted.values() if isinstance(job, JobSpec)])
    ids = [*wanted]
    for number in range(len(parts.ends)):
        if session.watches >= most_watches:
            return
        some = [ids[position] for position in parts.positions(number)]
        request = start_request([wanted[one] for one in some], some, batch=batch, watch=True, tail_lines=tail_lines)
        exchange = session.connection.ask(request)
        try:
            session.acknowledged(exchange, [known[one] for one in some], None)
        except BaseException as error:
            session.connection.forget(exchange)
            if not isinstance(error, Refused):
                raise
            # They are accepted nevertheless, and a wait for them asks.
            return


def _parts_again(session: Session, again: Mapping[bytes, JobKey], batch: BatchInfo, found: Mapping[JobKey, JobInfo]) -> Parts | None:
    """Return the parts of a run of reruns; None if it has all of them already."""
    connection = session.connection
    known = session.list_jobs(request_pb2.List(all=True, batch=batch.id, owner=connection.identity.owner))
    if staged_reruns.is_repeated(again, [*known]):
        return None
    told = questions.ask_all(connection, staged_reruns.questions_about(again.values(), found))
    return staged_reruns.parts_again(batch, again, staged_reruns.all_known(found, told), find_specs(connection, again))
