"""Attend a command that runs on each worker: show all of their output, each line after the name of its worker.

As in `run` of one job, Ctrl-C reaches the jobs: the first sends them SIGINT, the second stops them, a third returns at once. SIGTERM,
SIGHUP and output without a reader stop them. Workers that give no sign are not waited for then: see ../../library/parting.py.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping, Sequence
from typing import NoReturn

from ....schemas.frames import MOST_KEYS
from ....schemas.generated import request_pb2
from ....schemas.jobs.states import State
from ....schemas.naming import short_id
from ....schemas.refusal import Code
from ....schemas.wire_codec import key_to_wire
from ...library.client import Client
from ...library.job import Job
from ...library.parting import Parting
from ...library.requests.queries import query_by_key
from ...protocol.exchange import Exchange
from ...sockets.connecting import diagnosis
from .. import exit_status
from ..shown.attempts import AttemptEnds
from ..shown.sentences import failed, how_it_ended, how_many_jobs
from ..terminal.copying import step
from ..terminal.farewell import leave
from ..terminal.outlet import Outlet
from ..terminal.screen import say
from ..terminal.signals import Overdue, Signals
from ..terminal.streams import STDERR, STDOUT, CannotWrite, ReaderGone, Readers
from ..terminal.tagged_lines import Spout, TaggedCopy
from .run_messages import what_failed

# Two logs of each are followed, and a worker limits the streams of one connection.
_MOST_FOLLOWED = 100
_PATIENCE_SECONDS = 0.5
_MOST_TOLD = 8
# The Ctrl-C that stops the jobs with their own signal.
_STOPPING = 2
# What comes so soon after it is the same request.
_SAME_SECONDS = 1.0


class EachAttendance:
    """Acknowledged jobs, by the names of their workers, attended until all have ended and all their output is written."""

    def __init__(self, client: Client, run: str, jobs: Mapping[str, Job]) -> None:
        self._client = client
        self._run = run
        self._jobs = jobs
        self._out, self._err = Spout(Outlet(STDOUT)), Spout(Outlet(STDERR))
        # Those whose logs were not opened yet, those that are followed, and those that are over.
        self._left = dict(jobs)
        self._followed: dict[str, Sequence[TaggedCopy]] = {}
        self._failures = 0
        self._interrupts = 0
        # When the stop was asked for; never before.
        self._stopped_at = -_SAME_SECONDS
        self._unwritable: int | None = None
        self._tell_at: float | None = time.monotonic() + _PATIENCE_SECONDS
        self._asked: list[tuple[str, Exchange]] = []
        # The last signal that was to end this command, if any.
        self._heeded = 0
        self._parting = Parting(client.connection)

    def attend(self, signals: Signals) -> int:
        """Attend the jobs to their ends and return the exit status of the command."""
        readers = Readers([self._out.outlet.fd, self._err.outlet.fd])
        try:
            while self._left or self._followed or self._out.is_blocked or self._err.is_blocked:
                for number in signals.take():
                    self._heed(number)
                self._part()
                self._open()
                self._step(readers, signals)
                self._hear_answers()
                self._tell_of_waiting()
                self._close()
        except Overdue as overdue:
            self._heeded = overdue.number
            self._end_unanswered(diagnosis.unanswering(self._client.connection.silence.kind, self._client.connection.endpoint))
        finally:
            readers.close()
            self._out.outlet.close()
            self._err.outlet.close()
        if self._failures and self._unwritable is None:
            say(what_failed(self._failures, len(self._jobs), self._run))
        if self._unwritable is not None:
            return self._unwritable
        return exit_status.REFUSED if self._failures else exit_status.DONE

    def _open(self) -> None:
        """Follow the logs of jobs that have started, as many as can be followed at once."""
        for worker, job in [*self._left.items()]:
            if len(self._followed) >= _MOST_FOLLOWED:
                return
            if job.state in (None, State.QUEUED) and job.outcome is None:
                continue
            del self._left[worker]
            if self._unwritable is not None or not self._has_run(job):
                self._followed[worker] = ()
                continue
            job.stdout.on_next = job.stderr.on_next = AttemptEnds(job.key, 2).hear
            self._followed[worker] = (TaggedCopy(job.stdout, self._out, worker), TaggedCopy(job.stderr, self._err, worker))

    @staticmethod
    def _has_run(job: Job) -> bool:
        return job.outcome is None or bool(job.pid)

    def _step(self, readers: Readers, signals: Signals) -> None:
        copies = [copy for some in self._followed.values() for copy in some]
        try:
            if self._unwritable is None:
                step(self._client, copies, readers, [signals.fd], self._due_at())
            else:
                self._client.pump(self._due_at(), [signals.fd])
        except ReaderGone:
            self._give_up(copies, exit_status.READER_GONE)
        except CannotWrite as error:
            say(f"{error}; the jobs are stopped")
            self._give_up(copies, exit_status.OWN_FAILURE)

    def _due_at(self) -> float | None:
        """Return until when to wait at most: not at all if a job is over, or can be opened, already."""
        can_open = len(self._followed) < _MOST_FOLLOWED and any(job.state not in (None, State.QUEUED) for job in self._left.values())
        return time.monotonic() if can_open or any(map(self._is_over, self._followed)) else self._next_at()

    def _next_at(self) -> float | None:
        return min(filter(None, (self._tell_at, self._parting.due_at)), default=None)

    def _part(self) -> None:
        """End the command if it was asked to, and waits for workers that give no sign."""
        jobs = [job.key for job in self._unfinished()]
        is_held_up = self._unwritable is None and (self._out.is_blocked or self._err.is_blocked)
        if who := self._parting.turn(jobs, is_held_up=is_held_up):
            self._end_unanswered(who)

    def _end_unanswered(self, who: str) -> NoReturn:
        if jobs := len(self._unfinished()):
            says, stops = ("whether it does", "it") if jobs == 1 else ("which do", "them")
            what = f"{how_many_jobs(jobs)} may continue: jobwire show {self._run} says {says}, jobwire stop {self._run} stops {stops}"
        else:
            what = f"the rest of the output is not shown: jobwire logs {self._run} shows all of it"
        status = 128 + self._heeded if self._heeded else exit_status.OWN_FAILURE
        leave(status if self._unwritable is None else self._unwritable, f"{who}; {what}")

    def _is_over(self, worker: str) -> bool:
        return self._jobs[worker].outcome is not None and all(copy.is_done for copy in self._followed[worker])

    def _close(self) -> None:
        """Report the ends of finished jobs."""
        for worker in [worker for worker in self._followed if self._is_over(worker)]:
            del self._followed[worker]
            job = self._jobs[worker]
            if job.outcome is not None and failed(job.outcome):
                self._failures += 1
                if self._unwritable is None:
                    say(f"{worker}: job {short_id(job.key.id)}: {how_it_ended(job.outcome)}")
        # Not all of their starts may be reported again after a lost connection.
        for worker in [worker for worker in self._followed if all(copy.is_done for copy in self._followed[worker])]:
            if not self._jobs[worker].record.is_watched:
                self._jobs[worker].wait()

    def _give_up(self, copies: Sequence[TaggedCopy], status: int) -> None:
        self._unwritable = status
        for copy in copies:
            copy.drop()
        self._out.drop()
        self._err.drop()
        self._stop()

    def _heed(self, number: int) -> None:
        if number == signal.SIGQUIT:
            for job in self._unfinished():
                if job.state not in (None, State.QUEUED):
                    self._ask("", request_pb2.Request(signal=request_pb2.Signal(key=key_to_wire(job.key), signal=signal.SIGQUIT)))
            return
        if number != signal.SIGINT and time.monotonic() < self._stopped_at + _SAME_SECONDS:
            # timeout(1) signals this process, and then its group: that is one request to stop.
            return
        self._heeded = number
        # SIGTERM and SIGHUP count as a second Ctrl-C, and each one after that as a third.
        self._interrupts = self._interrupts + 1 if number == signal.SIGINT else max(_STOPPING, self._interrupts + 1)
        if self._interrupts > _STOPPING:
            # If the stop was asked for only just now: what is still to be sent would be lost with this process.
            while time.monotonic() < self._stopped_at + _SAME_SECONDS and self._unfinished():
                self._client.pump(self._stopped_at + _SAME_SECONDS)
            if who := self._parting.doubts([job.key for job in self._unfinished()]):
                self._end_unanswered(who)
            leave(128 + number, f"the jobs are still being stopped; jobwire wait {self._run} waits for their end")
        if self._interrupts == _STOPPING:
            self._stopped_at = time.monotonic()
        self._stop(signal.SIGINT if self._interrupts < _STOPPING else 0)

    def _stop(self, number: int = 0) -> None:
        self._parting.begin()
        keys = [key_to_wire(job.key) for job in self._unfinished()]
        for at in range(0, len(keys), MOST_KEYS):
            self._ask("", request_pb2.Request(stop=request_pb2.Stop(keys=keys[at : at + MOST_KEYS], signal=number)))

    def _unfinished(self) -> list[Job]:
        return [job for job in self._jobs.values() if job.outcome is None]

    def _ask(self, worker: str, request: request_pb2.Request) -> None:
        self._asked.append((worker, self._client.connection.ask(request)))

    def _hear_answers(self) -> None:
        for one in [one for one in self._asked if one[1].ended]:
            self._asked.remove(one)
            worker, exchange = one
            if exchange.refusal is not None:
                # It has ended meanwhile, or has no process yet.
                if exchange.refusal.code is not Code.FAILED_PRECONDITION:
                    say(str(exchange.refusal))
            elif exchange.verb == "query_one":
                answer = self._client.connection.next(exchange)
                if isinstance(answer, request_pb2.Reply) and answer.query_one.job.waits_for:
                    say(f"{worker}: waits: {answer.query_one.job.waits_for}")

    def _tell_of_waiting(self) -> None:
        if self._tell_at is None or time.monotonic() < self._tell_at:
            return
        self._tell_at = None
        waiting = [(worker, job) for worker, job in self._left.items() if job.state in (None, State.QUEUED)]
        for worker, job in waiting[:_MOST_TOLD]:
            self._ask(worker, query_by_key(job.key))
        if (more := len(waiting) - _MOST_TOLD) > 0:
            say(f"{more} more wait; jobwire show {self._run} says for what")
