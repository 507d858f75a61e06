"""What `Client` and its jobs share: the connection, what is known of jobs, and waiting for their ends.

Every wait of the library goes through `pump` here, so that whatever comes meanwhile finds its job.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from ..schemas.generated import event_pb2, job_pb2, request_pb2
from ..schemas.naming import JobKey
from ..schemas.refusal import Code, Refused
from .connection import Connection
from .exchange import Exchange
from .subscription import Phase, Subscription
from .tracking import Record, Tracking

# Requests under way at once where many jobs are asked about: far below what a daemon holds for one peer.
_QUERIES_AT_ONCE = 64


class Session:
    """One client's state, used from one thread at a time."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.tracking = Tracking()
        self._watches: list[Exchange] = []
        self._subscriptions: list[Subscription] = []
        # Whether the watch of a job ended before the job did.
        self._watch_lost = False

    def pump(self, deadline: float | None = None, wake_fds: Sequence[int] = ()) -> bool:
        """See `Connection.pump`."""
        came = self.connection.pump(deadline, wake_fds)
        self.sort()
        return came

    def sort(self) -> None:
        """Bring what came to the jobs that it is about."""
        for exchange in self._watches:
            while (item := self.connection.take(exchange)) is not None:
                if isinstance(item, request_pb2.Reply) and item.HasField("reports"):
                    self.tracking.learn_reports(item.reports)
        self._watch_lost = self._watch_lost or any(exchange.refusal for exchange in self._watches)
        self._watches = [exchange for exchange in self._watches if not exchange.ended]
        for subscription in self._subscriptions:
            while (event := subscription.take()) is not None:
                self.tracking.learn_event(event)

    # --- requests

    def ask_watched(self, request: request_pb2.Request, records: Iterable[Record], deadline: float | None) -> None:
        """Ask for a start or stop, wait until it is acknowledged, and let its reports tell of the jobs' ends.

        Raises what was refused, and TimeoutError when the deadline has passed.
        """
        exchange = self.connection.ask(request)
        try:
            while self.connection.next(exchange, deadline) is None:
                raise Refused(Code.INTERNAL, "the daemon ended the request without acknowledging it")
        except BaseException:
            self.connection.forget(exchange)
            raise
        if not exchange.ended or exchange.items:
            self._watches.append(exchange)
            for record in records:
                record.watch = exchange
            self.sort()

    def query(self, record: Record, deadline: float | None = None) -> job_pb2.Job:
        """Ask what is known of one job."""
        reply = self.connection.call(_query(record.key), deadline)
        if not isinstance(reply, request_pb2.Reply) or not reply.HasField("query_one"):
            raise Refused(Code.INTERNAL, "the daemon answered another question")
        self.tracking.learn_job(reply.query_one.job)
        return reply.query_one.job
