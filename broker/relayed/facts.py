"""follow_facts: reports about the jobs of a broker. First all jobs that are not settled, then each that changes.

Reports contain the state of a job, not the change: after any gap all jobs are reported again, and nothing is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ...keys.members.rights import Right, demand
from ...keys.proofs.log_hash import BLOCK_BYTES
from ...schemas.frames import LARGEST_TAIL, MOST_TAIL_LINES
from ...schemas.generated import request_pb2
from ...schemas.jobs.states import State
from ...schemas.naming import AttemptKey, JobKey
from ...schemas.refusal import Refused
from ...schemas.wire_codec import labels_to_wire, outcome_to_wire, state_to_wire
from ..access.notary import Notary
from ..desk.desk import Desk
from ..desk.inputs import Lend
from ..engine import Engine, StreamName
from ..jobs.job import Job
from ..requests.call import Call
from ..store.queries import Lookup
from ..streams.watchers import Watchers
from .offer import offered
from .registry import DEPARTURE, Registry

_FACTS_A_MESSAGE = 256
_BYTES_A_MESSAGE = 512 * 1024


class FactStream:
    """The reports about the jobs of one broker, over one connection. `send(reply)` returns False if that is lost."""

    def __init__(
        self,
        request_id: int,
        desk: Desk,
        lookup: Lookup,
        engine: Engine,
        watchers: Watchers,
        notary: Notary,
        *,
        tail_lines: int,
        offer: int,
        send: Callable[[request_pb2.Reply], bool],
        ended: Callable[[FactStream], None],
    ) -> None:
        self._request_id = request_id
        self._desk = desk
        self._lookup = lookup
        self._engine = engine
        self._watchers = watchers
        self._notary = notary
        self._tail_lines = min(tail_lines, MOST_TAIL_LINES)
        self._offer = offer
        self._told: list[request_pb2.Stock] = []
        self._send = send
        self._ended = ended
        self._names: dict[JobKey, AttemptKey] = {}
        self._due: dict[JobKey, Job] = {}
        self._closed = False
        # Jobs whose slots others may use, as the broker has said over this connection.
        self.lent: set[JobKey] = set()

    def lend(self, job: Job, *, begins: bool) -> None:
        """Let others use the slots of a job, or no longer; the broker is told what it has then."""
        (self.lent.add if begins else self.lent.discard)(job.key)
        self._desk.take(Lend(job.attempt.key, begins))

    def report(self, name: AttemptKey, key: JobKey) -> None:
        """Report the state of a job, and each change of it from now on."""
        job = self._lookup.job(key)
        if job is None or self._closed:
            return
        self._due[key] = job
        if key not in self._names:
            self._names[key] = name
            self._watchers.watch(job, self)

    def hashed(self, name: AttemptKey, key: JobKey) -> None:
        """Report the end of a job once more, with the hashes of its output."""
        job = self._lookup.job(key)
        if job is not None and not self._closed:
            self._due[key] = job
            self._names[key] = name

    def started(self, job: Job) -> None:
        """Note that a job has a process."""
        self._due[job.key] = job

    def stuck(self, job: Job) -> None:
        """Note why the end of a job waits."""
        self._due[job.key] = job

    def finished(self, job: Job) -> None:
        """Note that a job has its outcome."""
        self._due[job.key] = job

    def grant(self, credit: request_pb2.Credit) -> None:
        """Do nothing: there are no more jobs than the broker has delivered."""

    def close(self) -> None:
        """Stop reporting."""
        if not self._closed:
            self._closed = True
            for key in self.lent:
                if (job := self._desk.live.get(key)) is not None:
                    self._desk.take(Lend(job.attempt.key, begins=False))
            for key in self._names:
                if (job := self._desk.live.get(key)) is not None:
                    self._watchers.unwatch(job, self)
            self._ended(self)

    def flush(self) -> None:
        """Send what has changed."""
        while self._due and not self._closed:
            self._send_some(complete=False)

    def send_all(self) -> None:
        """Send what there is, and that this is everything."""
        while not self._closed and not self._send_some(complete=True):
            pass

    def tell_stock(self, *, renewed: bool = False) -> None:
        """Send this worker's capacity for jobs. `renewed`: it may now accept what it has refused."""
        self._told = self._stocks()
        labels = labels_to_wire(self._desk.stock.capacity.labels)
        self._send_facts(request_pb2.Facts(stocks=self._told, labels=labels, renewed=renewed))

    def tell_usage(self) -> None:
        """Send what is available for the broker, if other jobs use more or less of it than at the last report."""
        if self._stocks() != self._told:
            self.tell_stock()

    def tell_stopped(self) -> None:
        """Send that this worker is stopping."""
        self._send_facts(request_pb2.Facts(stopped=True))

    def _stocks(self) -> list[request_pb2.Stock]:
        own = {key: wants for key in self._names if (wants := self._desk.occupied_by(key)) is not None}
        lent = sum(own[key].slots for key in self.lent & own.keys())
        return offered(self._desk.stock, own.values(), self._offer, lent)

    def _send_some(self, *, complete: bool) -> bool:
        facts = request_pb2.Facts()
        size = 0
        while self._due and len(facts.facts) < _FACTS_A_MESSAGE and size < _BYTES_A_MESSAGE:
            key, job = next(iter(self._due.items()))
            del self._due[key]
            fact = facts.facts.add()
            self._write(fact, self._names[key], job)
            if job.state is State.FINISHED:
                self._write_hashes(fact, job)
            size += facts.facts[-1].ByteSize()
            if job.state is State.FINISHED:
                del self._names[key]
                self.lent.discard(key)
        facts.complete = complete and not self._due
        self._send_facts(facts)
        return facts.complete

    def _send_facts(self, facts: request_pb2.Facts) -> None:
        if not self._closed and not self._send(request_pb2.Reply(request_id=self._request_id, facts=facts)):
            self.close()

    def _write(self, fact: request_pb2.Fact, name: AttemptKey, job: Job) -> None:
        attempt, report = job.attempt, fact.report
        report.key.owner, report.key.id, report.attempt = name
        report.state = state_to_wire(job.state)
        if job.state is State.FINISHED:
            report.ended_at_us = attempt.ended_at_us
            fact.ended_ago_us = self._desk.ended_ago_us(job)
            self._write_end(report, name, job)
        else:
            fact.waits_for = self._desk.why_waiting(job)
            fact.paused = attempt.paused
            if job.spec.may_submit:
                fact.delegation.CopyFrom(self._notary.key_of(name, attempt.key))
        if job.state is not State.QUEUED:
            report.pid, report.started_at_us = attempt.pid, attempt.started_at_us

    def _write_end(self, report: request_pb2.Report, name: AttemptKey, job: Job) -> None:
        attempt, outcome = job.attempt, job.attempt.outcome
        if outcome is None:
            return
        if job.stop is not None and job.stop.asked_by != DEPARTURE:
            # The broker says who asked for it.
            outcome = replace(outcome, sentence=outcome.sentence.removesuffix(f"; stopped by {job.stop.asked_by}"))
        report.outcome.CopyFrom(outcome_to_wire(outcome, attested=True))
        report.outcome.attestation = self._notary.end(name, attempt, outcome)
        if self._tail_lines and outcome.stdout_bytes:
            report.stdout_tail = self._tail(job, "stdout")
        if self._tail_lines and outcome.stderr_bytes:
            report.stderr_tail = self._tail(job, "stderr")

    def _write_hashes(self, fact: request_pb2.Fact, job: Job) -> None:
        outcome = job.attempt.outcome
        if outcome is None or outcome.log_bytes <= BLOCK_BYTES or outcome.hash_follows:
            return
        stdout, stderr = self._lookup.log_hashes(job.key).get(job.attempt.key.attempt, (b"", b""))
        if stdout or stderr:
            fact.log_hashes.stdout, fact.log_hashes.stderr = stdout, stderr

    def _tail(self, job: Job, stream: StreamName) -> bytes:
        try:
            return self._engine.tail_log(job.attempt.run, stream, self._tail_lines, LARGEST_TAIL).data
        except Refused:
            # The folder was removed by hand; the outcome is still worth reporting.
            return b""


def follow_facts(
    call: Call,
    desk: Desk,
    lookup: Lookup,
    engine: Engine,
    watchers: Watchers,
    registry: Registry,
    *,
    notary: Notary,
    streams: dict[bytes, FactStream],
    offer: int,
) -> None:
    """Open the stream of reports for a broker; it replaces an earlier one."""
    demand(call.member, Right.RELAY, call.member.key)
    relay = call.member.key

    def ended(stream: FactStream) -> None:
        call.stream_ended()
        if streams.get(relay) is stream:
            del streams[relay]

    stream = FactStream(
        call.request.id,
        desk,
        lookup,
        engine,
        watchers,
        replace(notary, relay=relay),
        tail_lines=call.request.follow_facts.tail_lines,
        offer=offer,
        send=call.send,
        ended=ended,
    )
    if (before := streams.get(relay)) is not None:
        before.close()
    call.open_stream(stream)
    streams[relay] = stream
    for name, key in list(registry.of(relay).items()):
        stream.report(name, key)
    stream.tell_stock()
    stream.send_all()
