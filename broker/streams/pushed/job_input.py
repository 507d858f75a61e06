"""Common parts of the streams for input of a job: they begin when it has started, and end with it."""

from __future__ import annotations

from abc import abstractmethod

from ....schemas.generated import request_pb2
from ...jobs.job import Job
from .pushed_stream import PushedStream


class JobInput(PushedStream):
    """A watcher of its job."""

    @abstractmethod
    def started(self, job: Job) -> None:
        """Begin: the job can take input now."""

    def finished(self, job: Job) -> None:  # noqa: ARG002 -- as a watcher of any job is told
        """End: the job takes no more input."""
        self.over("the job has ended")

    def stuck(self, job: Job) -> None:
        """Ignore that: the job may take input nevertheless."""

    def flush(self) -> None:
        """Ignore that: nothing is collected."""

    def over(self, why: str, reached: int | None = None) -> None:
        """Tell the client that no more is accepted; `why` is empty if everything has arrived. `reached`: how much has, if known."""
        if not self._closed:
            end = request_pb2.FeedEnd(reached=self._arrived() if reached is None else reached, why=why)
            self._send(request_pb2.Reply(request_id=self._request_id, last=True, feed_end=end), None)
            self.close()

    def _arrived(self) -> int:
        """Return how many bytes have arrived for certain."""
        return self._reached()
