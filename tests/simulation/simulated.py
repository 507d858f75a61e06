"""Simulated workers and their links: they accept what the broker delivers, run it for a while of a clock of their own, and tell its end.

The broker's side is the real one, messages included; there is no network, no process, and no wait.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jobwire.broker.fleet.link import Link
from jobwire.client.protocol.conversation import Exchange
from jobwire.keys.identity import Identity
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.requests.large import read as read_large
from jobwire.schemas.requests.large import read_job
from jobwire.schemas.wire_codec import outcome_to_wire

_OUTCOME = outcome_to_wire(Outcome(OutcomeKind.EXITED, sentence="exited with status 0"))
STORE = b"s" * 16


@dataclass(slots=True, order=True)
class _End:
    """When an attempt ends, and where."""

    at_us: int
    order: int
    link: SimulatedLink = field(compare=False)
    report: job_pb2.JobKey = field(compare=False)


class World:
    """All simulated machines, their clock, and what is under way. `reported` counts ends that were told and are not settled."""

    def __init__(self, job_us: int, spread_us: int = 0) -> None:
        """`spread_us`: by how much jobs may take more or less than `job_us`, so that they do not all end at once."""
        self.now_us = 1_000_000
        self.job_us = job_us
        self._spread_us = spread_us
        self._chance = random.Random(1)
        self.messages: Counter[str] = Counter()
        self.running = 0
        self.settled = 0
        # How often each job was started, by the number that is its id.
        self.runs = bytearray()
        self.sent_bytes = 0
        # Called when the broker has settled ends.
        self.when_settled: Callable[[], None] = lambda: None
        self._ends: list[_End] = []
        self._order = 0
        self._pid = 1000
        # The jobs of starts that were delivered, by digest: their owner and ids.
        self.starts: dict[bytes, tuple[bytes, list[bytes]]] = {}

    def run(self, link: SimulatedLink, key: job_pb2.JobKey) -> int:
        """Start a job; return its pid."""
        number = int.from_bytes(key.id, "big")
        if number >= len(self.runs):
            self.runs.extend(bytes(number + 1))
        if self.runs[number]:
            raise AssertionError(f"job {number} was started twice")
        self.runs[number] = 1
        self._order += 1
        self._pid += 1
        self.running += 1
        takes_us = self.job_us + self._chance.randint(-self._spread_us, self._spread_us)
        heapq.heappush(self._ends, _End(self.now_us + takes_us, self._order, link, key))
        return self._pid

    def advance(self, step_us: int) -> bool:
        """Let the clock go on to the next end, and all that ends within a step tell so; return False if nothing runs."""
        if not self._ends:
            return False
        self.now_us = max(self.now_us, self._ends[0].at_us) + step_us
        touched: dict[SimulatedLink, request_pb2.Facts] = {}
        while self._ends and self._ends[0].at_us <= self.now_us:
            end = heapq.heappop(self._ends)
            self.running -= 1
            end.link.write_end(touched.setdefault(end.link, request_pb2.Facts()).facts.add(), end)
        for link, facts in touched.items():
            link.tell(facts)
        return True


class SimulatedLink(Link):
    """The link to one simulated worker."""

    world: World
    slots = 4
    labels: tuple[tuple[str, str], ...] = ()

    def __init__(
        self, identity: Identity, worker: bytes, greeted: Callable[[request_pb2.HelloReply], None], lost: Callable[[], None]
    ) -> None:
        super().__init__(identity, worker, greeted, lost)
        self._facts: deque[request_pb2.Reply] = deque()
        self._stream: tuple[Exchange, Callable[[Exchange], None]] | None = None
        self._pids: dict[bytes, tuple[int, int]] = {}

    def join(self) -> None:
        """Connect, say hello, and tell what there is."""
        features = ["labels", "returns", "roots"]
        self._greeted(request_pb2.HelloReply(software="simulated", store=STORE, host="simulated", features=features))
        stocks = [request_pb2.Stock(name="slots", total=self.slots), request_pb2.Stock(name="memory", total=1 << 34)]
        labels = [job_pb2.Label(name="host", value=f"m{self.worker[:4].hex()}"), *(job_pb2.Label(name=n, value=v) for n, v in self.labels)]
        self.tell(request_pb2.Facts(stocks=stocks, labels=labels, complete=True))

    def open(self, request: request_pb2.Request, happened: Callable[[Exchange], None]) -> Exchange:
        """Follow what this worker tells."""
        exchange = Exchange(request)
        self._stream = exchange, happened
        return exchange

    def take(self, exchange: Exchange) -> Any:
        """Return the next that was told."""
        return self._facts.popleft() if self._facts else None

    def tell(self, facts: request_pb2.Facts) -> None:
        """Report facts, as bytes that the broker parses."""
        self.world.messages["facts"] += 1
        reply = request_pb2.Reply.FromString(request_pb2.Reply(facts=facts).SerializeToString())
        self._facts.append(reply)
        if self._stream is not None:
            exchange, happened = self._stream
            happened(exchange)

    def ask(self, request: request_pb2.Request, answered: Callable[[Any], None]) -> None:
        """Answer a request of the broker in a later turn of the loop."""
        verb = request.WhichOneof("verb") or ""
        self.world.messages[verb] += 1
        frame = request.SerializeToString()
        self.world.sent_bytes += len(frame)
        received = request_pb2.Request.FromString(frame)
        asyncio.get_running_loop().call_soon(self._answer, verb, received, answered)

    def _answer(self, verb: str, request: request_pb2.Request, answered: Callable[[Any], None]) -> None:
        self.world.messages["answers"] += 1
        if verb == "deliver":
            answered(request_pb2.Reply(deliver=request_pb2.DeliverReply()))
            self._start(request.deliver)
            return
        if verb == "settle":
            self.world.settled += len(request.settle.jobs)
            for job in request.settle.jobs:
                self._pids.pop(job.id, None)
            self.world.when_settled()
        answered(request_pb2.Reply(done=request_pb2.Done()))

    def _start(self, deliver: request_pb2.Deliver) -> None:
        starts = self.world.starts
        if deliver.digest in starts:
            owner, ids = starts[deliver.digest]
        else:
            found = read_large(deliver.start)
            jobs = map(read_job, found.jobs) if found.jobs is not None else found.request.start.jobs
            owner, ids = found.envelope.proof.signer, [job.id for job in jobs]
            if len(ids) > len(deliver.jobs):
                # More of it may follow.
                starts[deliver.digest] = owner, ids
        facts = request_pb2.Facts()
        for delivery in deliver.jobs:
            key = job_pb2.JobKey(owner=owner, id=ids[delivery.index])
            if key.id in self._pids:
                raise AssertionError("a job was delivered twice")
            pid = self.world.run(self, key)
            self._pids[key.id] = pid, self.world.now_us
            report = facts.facts.add().report
            report.key.CopyFrom(key)
            report.attempt, report.pid, report.started_at_us, report.state = 1, pid, self.world.now_us, job_pb2.STATE_RUNNING
        self.tell(facts)

    def write_end(self, fact: request_pb2.Fact, end: _End) -> None:
        """Write that a job has ended."""
        pid, started_at_us = self._pids[end.report.id]
        report = fact.report
        report.key.CopyFrom(end.report)
        report.attempt, report.pid, report.started_at_us, report.ended_at_us = 1, pid, started_at_us, end.at_us
        report.state = job_pb2.STATE_FINISHED
        report.outcome.CopyFrom(_OUTCOME)
