"""How to continue if events were missed: a cursor that is older than what the worker keeps, and the current state of the jobs."""

from __future__ import annotations

from collections.abc import Iterator

from ...schemas.generated import event_pb2, request_pb2
from ...schemas.naming import JobKey
from ...schemas.refusal import Code, Reason, Refused
from .results import EventCursor, JobInfo, job_info
from .session import Session, query_by_key


class CursorTooOld(Refused):
    """Raised if events after a cursor are no longer kept, or the store is another one: a `Refused(OUT_OF_RANGE)`.

    `cursor` is the position to continue from, and `jobs()` returns the current state of the jobs. `client.events(cursor)` returns
    everything that happens after `cursor`, so that nothing is missed in between.
    """

    def __init__(self, refused: Refused, cursor: EventCursor, session: Session, wanted: event_pb2.Filter) -> None:
        next_step = f"check the jobs with jobwire list -a, then continue with: jobwire events --from {cursor}"
        super().__init__(Code.OUT_OF_RANGE, refused.message, next_step, reason=refused.reason)
        self.cursor = cursor
        self._session = session
        self._wanted = wanted

    def __reduce__(self) -> tuple[type[Refused], tuple[Code, str, str, int | None, Reason | None]]:
        """Return how to pickle it, as a plain refusal: a connection cannot be pickled."""
        return Refused, (self.code, self.message, self.next_step, self.job_index, self.reason)

    def jobs(self) -> Iterator[JobInfo]:
        """Iterate over the jobs of the subscription in their current state, including those that have ended; oldest first."""
        wanted = self._wanted
        labels = {(label.name, label.value) for label in wanted.labels}
        for info in self._named() if wanted.jobs else self._listed():
            if labels <= set(info.spec.labels):
                yield info

    def _named(self) -> Iterator[JobInfo]:
        for key in self._wanted.jobs:
            try:
                reply = self._session.reply(query_by_key(JobKey(key.owner, key.id)), "query_one")
            except Refused as refused:
                # Forgotten: there is nothing to report.
                if refused.code is not Code.NOT_FOUND:
                    raise
                continue
            yield job_info(reply.query_one.job)

    def _listed(self) -> Iterator[JobInfo]:
        page = b""
        while True:
            wanted = request_pb2.List(all=True, owner=self._wanted.owner, batch=self._wanted.batch, page=page)
            reply = self._session.reply(request_pb2.Request(list=wanted), "list").list
            yield from map(job_info, reply.jobs)
            page = reply.next_page
            if not page:
                return
