"""Jobs that wait between two attempts: reports of a start do not contain that, events do. They are read only if a job may be retried."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from ....schemas.generated import event_pb2
from ...library.client import Client
from ...protocol.subscription import Subscription
from ..live.progress import Progress
from ..shown.sentences import title_of
from .planning.plan import Plan


class Retries:
    """The attempts at the jobs of a run, for its view."""

    def __init__(self, connected: Client, plan: Plan, progress: Progress) -> None:
        self._connection = connected.connection
        self._plan = plan
        self._progress = progress
        self._news: Subscription | None = None
        # Without a view nobody is shown what runs.
        if progress.due is not None and any(spec.retry is not None for spec in plan.specs.values()):
            self._news = Subscription(event_pb2.Filter(owner=self._connection.identity.owner, batch=plan.about.id))
            self._connection.subscribe(self._news)

    def turn(self) -> None:
        """Show what has arrived."""
        while self._news is not None and (event := self._news.take()) is not None:
            job_id = event.key.id
            if job_id not in self._plan.specs:
                continue
            if event.kind == event_pb2.EVENT_KIND_RETRYING:
                self._progress.waits(job_id)
            elif event.kind == event_pb2.EVENT_KIND_STARTED and event.attempt > 1:
                self._progress.runs(job_id, f"{title_of(self._plan.specs[job_id])} (attempt {event.attempt})")

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop reading events."""
        if self._news is not None:
            self._connection.unsubscribe(self._news)
