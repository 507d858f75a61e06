"""The last wait for jobs that are being stopped, by a caller that is to leave: it lasts as long as somebody answers.

For a command that a signal ends, and that stops its job before that, as `run`; and for a call whose time is over, and that does the same.
If the worker is gone, is suspended or cannot be reached, nobody could tell the end of the job: then it waits some seconds for a sign, and
no longer. When it is enough is decided by ../protocol/last_wait.py; what is asked and heard for that, here.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Protocol

from ...schemas.generated import request_pb2
from ...schemas.naming import JobKey
from ...schemas.refusal import Code
from ...schemas.wire_codec import key_to_wire
from ..protocol.exchange import Exchange, Item
from ..protocol.hello import greeting
from ..protocol.last_wait import ASK_SECONDS, NO_SIGN_SECONDS, LastWait
from ..sockets.connecting import diagnosis
from ..sockets.silence import Silence

# A broker is asked about each job, but not about a thousand at once.
_ASKED_AT_ONCE = 16
# What is answered takes no longer: for one who does not want to wait the whole time.
_DOUBTFUL_SECONDS = 2 * ASK_SECONDS


class Line(Protocol):
    """What it needs of a connection, which may block or be one of an event loop."""

    @property
    def endpoint(self) -> str:
        """See `Connection`."""
        ...

    @property
    def greeted(self) -> bool:
        """See `Connection`."""
        ...

    @property
    def silence(self) -> Silence:
        """See `Connection`."""
        ...

    def ask(self, request: request_pb2.Request) -> Exchange:
        """See `Connection`."""
        ...

    def take(self, exchange: Exchange) -> Item | None:
        """See `Connection`."""
        ...

    def forget(self, exchange: Exchange) -> None:
        """See `Connection`."""
        ...


class Parting:
    """Whether somebody who is to leave still waits for jobs over this connection."""

    def __init__(self, connection: Line) -> None:
        self._connection = connection
        self._is_begun = False
        # A signal that is passed on to the job, and when that was refused because a broker does not reach the worker.
        self._passed_on: Exchange | None = None
        self._undelivered_at: float | None = None
        self._wait: LastWait | None = None
        self._heard = 0
        self._look_at = 0.0
        # Questions about jobs that are not answered; of a worker there is one, about no job in particular.
        self._asked: dict[JobKey | None, Exchange] = {}
        # When each job was asked about last; those that were not for the longest time come first.
        self._asked_at: dict[JobKey, float] = {}
        # The worker of each job that was asked about, if it is silent.
        self._silent: dict[JobKey, str] = {}

    @property
    def due_at(self) -> float | None:
        """When to call `turn` even if nothing happens, on `time.monotonic`."""
        return self._look_at if self._wait is not None else None

    def begin(self) -> None:
        """Begin: the jobs were asked to stop, and whoever waits leaves with them."""
        self._is_begun = True

    def pass_on(self, exchange: Exchange) -> None:
        """Begin, until this is answered: a signal went to a job, which may end because of it or not."""
        self._passed_on, self._undelivered_at = exchange, None

    def turn(self, jobs: Collection[JobKey], *, is_held_up: bool = False) -> str:
        """Return who does not answer, if it is not to be waited for any longer; else nothing.

        `jobs`: those that are waited for; if there are none, what is still to come is their output. `is_held_up`: that cannot come, because
        what came before is not written yet.
        """
        now = time.monotonic()
        if not (self._is_begun or self._is_passing_on(now)):
            self.end()
            return ""
        is_held_up = is_held_up and not jobs
        if self._wait is None:
            self._wait = LastWait(now, self._connection.silence.heard)
            self._heard, self._look_at = self._connection.silence.heard, now
        if now < self._look_at:
            return ""
        self._look_at = now + ASK_SECONDS
        self._look(self._wait, now, is_held_up=is_held_up)
        if self._wait.lasts(now, jobs) >= NO_SIGN_SECONDS:
            return self._who(jobs)
        self._ask(jobs, now)
        return ""

    def doubts(self, jobs: Collection[JobKey]) -> str:
        """Return who seems not to answer, for one who leaves now; nothing if there is a connection, and there was a sign just now."""
        now = time.monotonic()
        if self._wait is None:
            return ""
        self._look(self._wait, now)
        is_doubtful = not self._connection.greeted or self._wait.lasts(now, jobs) >= _DOUBTFUL_SECONDS
        return self._who(jobs) if is_doubtful else ""

    def _is_passing_on(self, now: float) -> bool:
        """Return whether a signal has not reached its job yet, as far as known."""
        if self._passed_on is None or not self._passed_on.ended:
            return self._passed_on is not None
        refusal = self._passed_on.refusal
        if refusal is None or refusal.code is not Code.UNAVAILABLE:
            return False
        if self._undelivered_at is None:
            self._undelivered_at = now
        # Long enough to find out whether the worker is back.
        return now < self._undelivered_at + 2 * NO_SIGN_SECONDS

    def _look(self, wait: LastWait, now: float, *, is_held_up: bool = False) -> None:
        if self._connection.greeted:
            # One that is refused as one too many hears something too.
            self._heard = self._connection.silence.heard
        wait.look(now, self._heard, is_moving=is_held_up or self._connection.silence.is_moving(ASK_SECONDS))
        for job, exchange in [*self._asked.items()]:
            if exchange.ended:
                del self._asked[job]
                if job is not None:
                    self._learn(wait, now, job, exchange)

    def _learn(self, wait: LastWait, now: float, job: JobKey, exchange: Exchange) -> None:
        answer = None if exchange.refusal is not None else self._connection.take(exchange)
        told = answer.hello if isinstance(answer, request_pb2.Reply) else request_pb2.HelloReply()
        wait.tell(job, now, told.silent_ms / 1000 if told.silent_worker else None)
        if told.silent_worker:
            self._silent[job] = told.silent_worker
        else:
            self._silent.pop(job, None)

    def _ask(self, jobs: Collection[JobKey], now: float) -> None:
        if not self._connection.greeted or not jobs:
            return
        if self._connection.silence.kind != "broker":
            if not self._asked:
                self._asked[None] = self._connection.ask(greeting())
            return
        waiting = sorted((job for job in jobs if job not in self._asked), key=lambda job: self._asked_at.get(job, 0.0))
        for job in waiting[: max(0, _ASKED_AT_ONCE - len(self._asked))]:
            self._asked_at[job] = now
            request = greeting()
            request.hello.about.MergeFrom(key_to_wire(job))
            self._asked[job] = self._connection.ask(request)

    def _who(self, jobs: Collection[JobKey]) -> str:
        workers = sorted({self._silent[job] for job in jobs if job in self._silent})
        if workers and self._connection.greeted:
            return diagnosis.unanswering_behind(workers, self._connection.endpoint)
        return diagnosis.unanswering(self._connection.silence.kind, self._connection.endpoint)

    def end(self) -> None:
        """Ask nothing any more."""
        for exchange in self._asked.values():
            self._connection.forget(exchange)
        self._wait = None
        self._asked.clear()
        self._silent.clear()
