"""Attend one job: show its output here, and exit with its status.

`run` stands for the job. Ctrl-C sends SIGINT to the job, a second one stops it, a third returns at once. SIGQUIT goes to the job, as a
terminal would send it. SIGTERM, SIGHUP, and output that has no reader or cannot be written, stop the job. A worker that gives no sign is
not waited for then: see ../../library/parting.py.

`submit --follow` only watches, as `submit --wait`, `batch`, `wait` and `logs` do: whatever ends the command, the job continues.
"""

from __future__ import annotations

import signal
import time
from typing import NoReturn

from ....schemas.generated import request_pb2
from ....schemas.jobs.states import OutcomeKind, State
from ....schemas.naming import JobKey, short_id
from ....schemas.refusal import Code, Refused
from ....schemas.wire_codec import key_to_wire
from ...library.client import Client
from ...library.job import Job
from ...library.parting import Parting
from ...library.streams.feeder import Feeder
from ...protocol.exchange import Exchange
from ...sockets.connecting import diagnosis
from .. import exit_status
from ..shown.attempts import AttemptEnds
from ..shown.sentences import how_it_ended, status_of
from ..terminal.copying import Copy, step
from ..terminal.farewell import leave
from ..terminal.outlet import Outlet
from ..terminal.own_input import let_go, unreadable
from ..terminal.screen import say
from ..terminal.signals import Overdue, Signals
from ..terminal.streams import STDERR, STDOUT, CannotWrite, ReaderGone, Readers

# A job that starts at once is not reported as waiting.
_PATIENCE_SECONDS = 0.5
# About a log that the worker has, and cannot read or find: the job itself is none the worse.
_OF_A_LOG = (Code.INTERNAL, Code.NOT_FOUND, Code.RESOURCE_EXHAUSTED)
# The Ctrl-C that stops the job.
_STOPPING = 2
# What comes so soon after it is the same request.
_SAME_SECONDS = 1.0


class Attendance:
    """One acknowledged job, attended until it has ended and all its output is written; its input is fed meanwhile, if there is a feeder."""

    def __init__(
        self, client: Client, job: Job, feeder: Feeder | None = None, *, leaves_on_hangup: bool = False, is_retried: bool = False
    ) -> None:
        """`leaves_on_hangup`: SIGHUP, and output without a reader, end the command and not the job.

        `is_retried`: a failed job is retried; one that Ctrl-C ends is not.
        """
        self._client = client
        self._job = job
        self._key = key_to_wire(job.key)
        # None: nothing more is sent.
        self._feeder = feeder
        self._leaves_on_hangup = leaves_on_hangup
        self._is_retried = is_retried
        self._interrupts = 0
        self._is_stopping = False
        self._stopped_at = 0.0
        # The exit status if the output cannot be written any more.
        self._unwritable: int | None = None
        self._unreadable = False
        # Whether the worker could not show some of the output.
        self._is_unshown = False
        # When to report that the job waits; None: this was done, or is not needed any more.
        self._tell_at: float | None = time.monotonic() + _PATIENCE_SECONDS
        self._asked: list[Exchange] = []
        # The last signal that was to end this command, if any.
        self._heeded = 0
        self._parting = Parting(client.connection)

    def attend(self, signals: Signals | None) -> int:
        """Attend the job to its end and return the exit status of the command.

        `signals` None: only watch. Then it raises ReaderGone and CannotWrite, and KeyboardInterrupt.
        """
        copies = self._copies()
        readers = Readers([copy.outlet.fd for copy in copies])
        try:
            self._copy(copies, readers, signals)
        except Overdue as overdue:
            self._heeded = overdue.number
            self._end_unanswered(diagnosis.unanswering(self._client.connection.silence.kind, self._client.connection.endpoint))
        finally:
            readers.close()
            for copy in copies:
                copy.outlet.close()
        if self._unwritable is None or (self._unwritable == exit_status.READER_GONE and self._has_written_all(copies)):
            return self._ended()
        return self._unwritable

    def _has_written_all(self, copies: list[Copy]) -> bool:
        """Return whether the job exited and its reader got everything: a reader such as tar(1) may exit early."""
        outcome = self._job.outcome
        if outcome is None or outcome.kind is not OutcomeKind.EXITED or self._is_retried:
            return False
        return [copy.written for copy in copies] == [outcome.stdout_bytes, outcome.stderr_bytes]

    def _copies(self) -> list[Copy]:
        self._job.stdout.on_next = self._job.stderr.on_next = AttemptEnds(self._job.key, 2).hear
        return [Copy(self._job.stdout, Outlet(STDOUT)), Copy(self._job.stderr, Outlet(STDERR))]

    def _copy(self, copies: list[Copy], readers: Readers, signals: Signals | None) -> None:  # noqa: C901 -- each way in which copying ends
        self._feed()
        while self._job.exit_status is None or not all(copy.is_done for copy in copies):
            for number in signals.take() if signals else b"":
                self._heed(number)
            self._part(copies)
            try:
                self._step(copies, readers, [signals.fd] if signals else [])
                # Before everything else that follows a wait: somebody may be typing, and waiting to see it. In this order, because a
                # terminal is prepared for the output of a job once that has started.
                self._feed()
                for copy in copies:
                    copy.advance()
            except ReaderGone:
                if signals is None:
                    raise
                if self._leaves_on_hangup:
                    self._leave(signal.SIGHUP)
                self._give_up(copies, exit_status.READER_GONE)
            except CannotWrite as error:
                if signals is None:
                    raise
                say(f"{error}; the job is stopped")
                self._give_up(copies, exit_status.OWN_FAILURE)
            except Refused as refused:
                self._drop_unshown(copies, refused)
            self._hear_answers()
            self._tell_of_waiting()
            if not self._job.record.is_watched and all(copy.is_done for copy in copies):
                # The watch was refused after a lost connection, for example because the roster has changed. Its log has ended,
                # so the job has ended or is about to.
                self._job.wait()

    def _drop_unshown(self, copies: list[Copy], refused: Refused) -> None:
        """Continue without a log that the worker cannot read: the job runs, and its end is known. Raises any other refusal."""
        refusing = [copy for copy in copies if not copy.output.closed and _is_of_a_log(copy.output.refusal)]
        if not refusing:
            raise refused
        if not self._is_unshown:
            say(f"the output of job {short_id(self._job.key.id)} is not shown: {refused.message}")
        self._is_unshown = True
        for copy in refusing:
            copy.drop()

    def _feed(self) -> None:
        if self._feeder is None:
            return
        try:
            self._feeder.advance()
        except OSError as error:
            say(f"{unreadable(error)}; the job is stopped")
            self._feeder.close()
            self._feeder = None
            self._unreadable = True
            self._stop()
            return
        if self._feeder.ended:
            if self._feeder.refusal is not None:
                say(str(self._feeder.refusal))
            self._feeder = None
            let_go()

    def _wake_fds(self) -> list[int]:
        """Return what else is readable when there is something to do."""
        return []

    def _due_at(self) -> float | None:
        """Return when there is something to do even if nothing happens."""
        return min(filter(None, (self._tell_at, self._parting.due_at)), default=None)

    def _step(self, copies: list[Copy], readers: Readers, wake_fds: list[int]) -> None:
        until = self._due_at()
        wake_fds += self._wake_fds()
        if self._feeder is not None:
            until, more = self._feeder.waited_on(until)
            wake_fds += more
        if self._unwritable is None:
            step(self._client, copies, readers, wake_fds, until)
        else:
            # Nothing is written any more, so readers do not matter.
            self._client.pump(until, wake_fds)

    def _part(self, copies: list[Copy]) -> None:
        """End the command if it was asked to, and waits for a worker that gives no sign."""
        is_held_up = self._unwritable is None and any(copy.is_blocked for copy in copies)
        if who := self._parting.turn(self._waited_for(), is_held_up=is_held_up):
            self._end_unanswered(who)

    def _waited_for(self) -> list[JobKey]:
        return [self._job.key] if self._job.exit_status is None else []

    def _end_unanswered(self, who: str) -> NoReturn:
        """End the command although the job may go on, or its output is not complete."""
        name = short_id(self._job.key.id)
        if self._job.exit_status is None:
            what = f"job {name} may continue: jobwire show {name} says whether it does, jobwire stop {name} stops it"
        else:
            what = f"the rest of the output of job {name} is not shown: jobwire logs {name} shows all of it"
        status = 128 + self._heeded if self._heeded else exit_status.OWN_FAILURE
        leave(status if self._unwritable is None else self._unwritable, f"{who}; {what}")

    def _leave(self, number: int) -> NoReturn:
        name = short_id(self._job.key.id)
        leave(128 + number, f"job {name} continues; jobwire logs -f {name} shows its output")

    def _give_up(self, copies: list[Copy], status: int) -> None:
        self._unwritable = status
        for copy in copies:
            copy.drop()
        self._stop()

    def _heed(self, number: int) -> None:
        if number == signal.SIGHUP and self._leaves_on_hangup:
            self._leave(number)
        if number == signal.SIGQUIT:
            self._pass_on(signal.SIGQUIT)
            return
        if number != signal.SIGINT and self._is_stopping and time.monotonic() < self._stopped_at + _SAME_SECONDS:
            # timeout(1) signals this process, and then its group: that is one request to stop.
            return
        self._heeded = number
        # SIGTERM and SIGHUP count as a second Ctrl-C, and each one after that as a third.
        self._interrupts = self._interrupts + 1 if number == signal.SIGINT else max(_STOPPING, self._interrupts + 1)
        if self._interrupts > _STOPPING:
            name = short_id(self._job.key.id)
            self._send_what_is_asked()
            if who := self._parting.doubts(self._waited_for()):
                self._end_unanswered(who)
            leave(128 + number, f"job {name} is still being stopped; jobwire wait {name} waits for its end")
        if self._interrupts == _STOPPING or self._job.state == State.QUEUED:
            self._stop()
        elif self._is_retried:
            # A signal alone would make it fail, and be tried again.
            self._parting.pass_on(self._ask(request_pb2.Request(stop=request_pb2.Stop(keys=[self._key], signal=signal.SIGINT))))
        else:
            self._parting.pass_on(self._pass_on(signal.SIGINT))

    def _pass_on(self, number: int) -> Exchange:
        return self._ask(request_pb2.Request(signal=request_pb2.Signal(key=self._key, signal=number)))

    def _stop(self) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            self._stopped_at = time.monotonic()
            self._parting.begin()
            self._ask(request_pb2.Request(stop=request_pb2.Stop(keys=[self._key])))

    def _ask(self, request: request_pb2.Request) -> Exchange:
        exchange = self._client.connection.ask(request)
        self._asked.append(exchange)
        return exchange

    def _send_what_is_asked(self) -> None:
        """Give a stop that was requested only just now a moment: unsent requests would be lost with this process."""
        until = self._stopped_at + _SAME_SECONDS
        while time.monotonic() < until and self._job.exit_status is None:
            self._client.pump(until)

    def _hear_answers(self) -> None:
        for exchange in [exchange for exchange in self._asked if exchange.ended]:
            self._asked.remove(exchange)
            refusal = exchange.refusal
            if refusal is not None and refusal.code is Code.FAILED_PRECONDITION:
                # It has no process yet that could receive a signal.
                self._stop()
            elif refusal is not None:
                say(str(refusal))
            elif exchange.verb == "query_one":
                answer = self._client.connection.next(exchange)
                if isinstance(answer, request_pb2.Reply) and answer.query_one.job.waits_for:
                    say(f"job {short_id(self._job.key.id)} waits: {answer.query_one.job.waits_for}")

    def _tell_of_waiting(self) -> None:
        if self._tell_at is not None and time.monotonic() >= self._tell_at:
            self._tell_at = None
            if self._job.state in (None, State.QUEUED):
                self._ask(request_pb2.Request(query_one=request_pb2.QueryOne(key=self._key)))

    def _ended(self) -> int:
        outcome = self._job.outcome
        if outcome is None:
            return exit_status.DONE
        if outcome.kind is not OutcomeKind.EXITED or not outcome.is_whole or outcome.stdin_problem or self._is_unshown:
            say(f"job {short_id(self._job.key.id)}: {how_it_ended(outcome)}")
        if self._unreadable:
            return exit_status.OWN_FAILURE
        return status_of(outcome) or (exit_status.OWN_FAILURE if self._is_unshown else exit_status.DONE)


def _is_of_a_log(refused: Refused | None) -> bool:
    return refused is not None and refused.code in _OF_A_LOG
