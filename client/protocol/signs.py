"""Questions for a sign of life on one connection, and what a broker answers about the workers behind it. Pure. When to ask: pulse.py.

A question is a `hello`, which is answered at once; it belongs to no exchange, and is not asked again on another connection. A broker says
in the answer whether the worker of one job gives no sign. After some questions, that is the next of the jobs, unless its worker is silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...schemas.generated import job_pb2, request_pb2
from .hello import greeting

# A broker finds out that a worker is silent when it was asked about it a second ago, and the second before.
_TIMES_IN_A_ROW = 4


class SilentWorker(NamedTuple):
    """A worker behind a broker that gives no sign: its name, and for how many seconds."""

    name: str
    seconds: float


class Signs:
    """The questions of one conversation."""

    def __init__(self) -> None:
        # Under which number the last question was sent; None: it was answered.
        self.number: int | None = None
        # What a broker said in its last answer; None: nothing.
        self.silent_worker: SilentWorker | None = None
        # The job that was asked about last, how often in a row, and which one it was of all.
        self._asked_about: job_pb2.JobKey | None = None
        self._times = 0
        self._turn = 0

    def question(self, jobs: Sequence[job_pb2.JobKey]) -> request_pb2.Request:
        """Return the next question, about one of these jobs if there are any."""
        request = greeting()
        if jobs:
            self._times += 1
            if self._asked_about is None or self._asked_about not in jobs or (self.silent_worker is None and self._times > _TIMES_IN_A_ROW):
                self._turn, self._times = self._turn + 1, 1
                self._asked_about = jobs[self._turn % len(jobs)]
            request.hello.about.CopyFrom(self._asked_about)
        return request

    def answered(self, hello: request_pb2.HelloReply) -> None:
        """Note the answer to the last question."""
        self.number = None
        self.silent_worker = SilentWorker(hello.silent_worker, hello.silent_ms / 1000) if hello.silent_worker else None

    def lost(self) -> None:
        """Note that the connection is gone: nothing is known over it any more."""
        self.number = self.silent_worker = None
