"""Start jobs, new ones or reruns, with one request; many jobs go to staged_starts.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from ....schemas.jobs.spec import JobSpec
from ....schemas.naming import JobKey
from ....schemas.refusal import Reason, Refused
from ..known_jobs import Record
from ..session import Session
from .actions import by_id, find_specs, is_large, run_of, start_request, takes_parts

if TYPE_CHECKING:
    from ..values.job_info import JobInfo
    from ..values.results import BatchInfo

# With this many open watches `start` opens no more: a worker limits the streams of one connection. Waits then use events.
_MOST_WATCHES = 64


def start(
    session: Session,
    wanted: Sequence[JobSpec | JobKey],
    ids: Sequence[bytes],
    *,
    batch: BatchInfo | None = None,
    watch: bool = True,
    tail_lines: int | None = None,
    feed: bool = False,
    found: Mapping[JobKey, JobInfo] = MappingProxyType({}),
) -> list[Record]:
    """Start jobs, all or none, and return what is known about them; returns once the worker has accepted them.

    `found`: what is known about the jobs that are run again. Raises the refusal.
    """
    if not feed and is_large(wanted):
        run = batch or run_of(ids)
        if takes_parts(run, session.connection.hello().features, wanted):
            from .staged_starts import start_staged, watch_staged  # noqa: PLC0415 -- few starts are large

            jobs = by_id(ids, wanted)
            staged = start_staged(session, jobs, run, found)
            if watch:
                watch_staged(session, jobs, run, staged, tail_lines, _MOST_WATCHES)
            return staged
    watch = watch and session.watches < _MOST_WATCHES
    records: list[Record] = []
    again = find_specs(session.connection, dict(zip(ids, wanted, strict=True)))
    sent: set[bytes] = set()
    while True:
        request = start_request(wanted, ids, batch=batch, watch=watch, tail_lines=tail_lines, feed=feed, again=again)
        exchange = session.connection.ask(request)
        try:
            # While the worker records them.
            records = records or [session.known_jobs.record(JobKey(session.connection.identity.owner, job_id)) for job_id in ids]
            session.acknowledged(exchange, records, None)
        except BaseException as error:
            session.connection.forget(exchange)
            if not isinstance(error, Refused) or not _send_missing(session, wanted, error, sent):
                raise
        else:
            return records


def _send_missing(session: Session, wanted: Sequence[object], refused: Refused, sent: set[bytes]) -> bool:
    """Send the contents that were missing for a start; return whether it can be repeated."""
    if refused.reason is not Reason.FILES_MISSING:
        return False
    from ...files.sending import local_files, send  # noqa: PLC0415 -- few jobs bring files

    files = [file for file in local_files(wanted) if file.digest in refused.missing and file.digest not in sent]
    send(session.connection, files)
    sent.update(file.digest for file in files)
    return bool(files)
