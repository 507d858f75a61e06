"""read_log and follow_log at a broker: forwarded to the worker that has the log, and its bytes to the client unchanged.

The client's credit limits what is taken from the link, and the link grants the worker at most a window: a slow reader delays only its own
stream. After a lost link, the log continues at the byte reached. If the worker has left and its logs were copied here before, they are read
here; a log being followed continues here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ....client.protocol.conversation import Chunk, Exchange
from ....schemas.frames import LARGEST_CHUNK, LARGEST_CREDIT, LARGEST_RANGE, MOST_TAIL_LINES
from ....schemas.generated import job_pb2, request_pb2
from ....schemas.jobs.states import OutcomeKind
from ....schemas.naming import AttemptKey, format_id
from ....schemas.refusal import Code, Reason, Refused
from ...desk.view import View
from ...engine import StreamName
from ...jobs.job import Attempt, Job
from ...jobs.life import Phase
from ...requests.call import Call
from ...requests.job_keys import read_key
from ...requests.transfers.logs import attempt_of
from ...store.queries import Lookup
from ...streams.log_stream import log_end
from ...streams.watchers import Watchers
from ..engine import FleetEngine
from ..link import Link
from ..workers.worker import Worker
from .shelf import Shelf


def read_log(call: Call, desk: View, lookup: Lookup, engine: FleetEngine) -> None:
    """Reply with a part of a log, which its worker reads."""
    request = call.request.read_log
    job = lookup.visible_job(read_key(request.key, call.member), call.member)
    attempt = attempt_of(job, request.attempt)
    if not attempt.started_at_us:
        header = request_pb2.LogRange(ended=attempt.phase is Phase.FINISHED, now_us=desk.now_us(), attempt=attempt.key.attempt)
        call.reply(request_pb2.Reply(log_range=header), b"")
        return
    worker = worker_of(attempt.key, engine)
    if not worker.link.is_up and engine.brought.has(attempt, is_gone=engine.workers.is_gone(worker.key)):
        _read_kept(call, attempt, desk, engine.brought.shelf)
        return
    if not worker.link.is_up:
        raise engine.workers.cannot_reach(worker)
    asked = request_pb2.ReadLog()
    asked.CopyFrom(request)
    _name(asked.key, attempt.key)
    asked.attempt = attempt.key.attempt
    link = worker.link_for_bytes
    link.open(request_pb2.Request(read_log=asked), partial(_read, call, link, attempt.key.attempt))


def _read_kept(call: Call, attempt: Attempt, desk: View, shelf: Shelf) -> None:
    """Reply with a part of a log that was copied here."""
    request = call.request.read_log
    stream = _stream_of(request.stream)
    if request.WhichOneof("part") == "tail_lines":
        part = shelf.tail(attempt.key, stream, min(request.tail_lines, MOST_TAIL_LINES), LARGEST_RANGE)
    else:
        part = shelf.read(attempt.key, stream, request.range.start, min(request.range.length, LARGEST_RANGE))
    header = request_pb2.LogRange(start=part.start, size=part.size, ended=True, now_us=desk.now_us(), attempt=attempt.key.attempt)
    call.reply(request_pb2.Reply(log_range=header), part.data)


def _stream_of(number: int) -> StreamName:
    """Return which log of a job is meant whose worker has left: the arrival times of its output are not kept."""
    match number:
        case request_pb2.STREAM_STDOUT:
            return "stdout"
        case request_pb2.STREAM_STDERR:
            return "stderr"
        case _:
            message = "the worker of the job has left, and the broker does not keep the times of its output"
            raise Refused(Code.NOT_FOUND, message, "show the output without times", reason=Reason.UNREACHABLE)


def _read(call: Call, link: Link, attempt: int, exchange: Exchange) -> None:
    item = link.take(exchange)
    if exchange.refusal is not None:
        call.refuse(exchange.refusal)
    elif isinstance(item, Chunk):
        reply = request_pb2.Reply(log_range=item.reply.log_range)
        reply.log_range.attempt = attempt
        reply.request_id, reply.last = call.request.id, True
        call.forward(reply, item.data)


def follow_log(call: Call, desk: View, lookup: Lookup, watchers: Watchers, engine: FleetEngine) -> None:
    """Stream a log to the end of the attempt that writes it; for a waiting job, from when it starts."""
    request = call.request.follow_log
    job = lookup.visible_job(read_key(request.key, call.member), call.member)
    attempt = attempt_of(job, request.attempt)
    call.demand_stream()

    def ended(stream: PassedLog) -> None:
        call.stream_ended()
        watchers.unwatch(job, stream)

    def is_here(worker: Worker) -> bool:
        return engine.brought.has(attempt, is_gone=engine.workers.is_gone(worker.key))

    shelf, find = engine.brought.shelf, lambda: worker_of(attempt.key, engine)
    log = PassedLog(call, job, attempt, find, desk.starts_in_us, ended, shelf=shelf, has=is_here)
    call.open_stream(log)
    if attempt is job.attempt:
        watchers.watch(job, log)
    log.flush()


class PassedLog:
    """One followed log, from a worker to a client."""

    def __init__(
        self,
        call: Call,
        job: Job,
        attempt: Attempt,
        worker: Callable[[], Worker],
        starts_in_us: Callable[[Job], int | None],
        ended: Callable[[PassedLog], None],
        *,
        shelf: Shelf,
        has: Callable[[Worker], bool],
    ) -> None:
        """`has(worker)`: whether the log is on the `shelf` instead of at its worker."""
        self._shelf, self._has = shelf, has
        # It is read from the shelf: its worker has left.
        self._is_kept = False
        self._call = call
        self._job = job
        self._attempt = attempt
        self._find = worker
        self._starts_in_us = starts_in_us
        self._ended = ended
        self._credit = min(call.request.follow_log.credit_bytes, LARGEST_CREDIT)
        self._position = call.request.follow_log.start
        self._worker: Worker | None = None
        self._link: Link | None = None
        self._exchange: Exchange | None = None
        # What was taken from the link, and is more than the credit.
        self._rest: Chunk | None = None
        self._is_read = False
        self._closed = False

    def started(self, job: Job) -> None:
        """Note that there is a log; `flush` opens it."""

    def stuck(self, job: Job) -> None:
        """Do nothing: its output is in its log all the same."""

    def finished(self, job: Job) -> None:
        """Note that the end is durable; `flush` sends it after the last byte."""

    def grant(self, credit: request_pb2.Credit) -> None:
        """Add credit for bytes."""
        self._credit = min(self._credit + credit.bytes, LARGEST_CREDIT)
        self.flush()

    def close(self) -> None:
        """End the stream, here and at the worker."""
        if not self._closed:
            self._closed = True
            if self._link is not None and self._exchange is not None:
                self._link.forget(self._exchange)
            self._ended(self)

    def flush(self) -> None:
        """Send what is available within the credit; after the last byte, how the attempt ended."""
        if self._closed:
            return
        if self._exchange is None and not self._is_kept and not self._is_read and self._attempt.started_at_us:
            self._open()
        self._pass()
        self._pass_kept()
        is_over = self._attempt.phase is Phase.FINISHED
        is_read = self._is_read or not self._attempt.started_at_us or (is_over and self._is_cut_off())
        if is_over and not self._closed and is_read and self._rest is None:
            self._finish()

    def _is_cut_off(self) -> bool:
        """Return whether nothing more arrives, because the worker is gone and the attempt was lost with it."""
        is_over = self._attempt.outcome is not None
        return is_over and self._ends_as_lost() and self._worker is not None and not self._worker.link.is_up

    def _ends_as_lost(self) -> bool:
        """Return whether the attempt is lost, or certainly will be unless its worker comes back."""
        outcome = self._attempt.outcome
        return outcome is None or outcome.kind is OutcomeKind.LOST

    def _open(self) -> None:
        try:
            self._worker = self._find()
        except Refused as refused:
            self._refuse(refused)
            return
        if not self._worker.link.is_up and self._has(self._worker):
            self._is_kept = True
            return
        asked = request_pb2.FollowLog()
        asked.CopyFrom(self._call.request.follow_log)
        _name(asked.key, self._attempt.key)
        asked.attempt = self._attempt.key.attempt
        asked.start = self._position
        self._link = self._worker.link_for_bytes
        self._exchange = self._link.open(request_pb2.Request(follow_log=asked), lambda _: self.flush())
        self._exchange.grant_often()

    def _pass(self) -> None:
        while not self._closed and self._link is not None and self._exchange is not None:
            if self._rest is None:
                self._take(self._link, self._exchange)
            if self._is_read or self._is_kept:
                self._exchange = None
                return
            if self._rest is None or self._credit <= 0:
                return
            self._send(self._rest)

    def _take(self, link: Link, exchange: Exchange) -> None:
        """Take the next chunk from the worker, if there is one."""
        item = link.take(exchange) if self._credit > 0 else None
        if isinstance(item, Chunk):
            self._rest = item
        elif item is not None:
            self._is_read = True
        elif exchange.refusal is not None:
            self._not_from_worker(link, exchange.refusal)
        elif exchange.ended and not exchange.items and self._credit > 0:
            self._is_read = True

    def _not_from_worker(self, link: Link, refused: Refused) -> None:
        """Continue without the worker, which has left or refuses the log."""
        if self._worker is not None and self._has(self._worker):
            # It has left, or keeps it no more since it was brought here.
            self._is_kept = True
        elif link.is_over and self._ends_as_lost():
            # The rest is gone with its worker; that it is lost is told when that is durable.
            self._is_read = True
        else:
            self._refuse(refused)

    def _pass_kept(self) -> None:
        while self._is_kept and not self._closed and not self._is_read and self._credit > 0:
            try:
                request = self._call.request.follow_log
                stream = _stream_of(request_pb2.STREAM_BOTH if request.timed else request.stream)
                part = self._shelf.read(self._attempt.key, stream, self._position, min(self._credit, LARGEST_CHUNK))
            except Refused as refused:
                self._refuse(refused)
                return
            if part.data:
                self._send(Chunk(request_pb2.Reply(), self._position, part.data))
            else:
                self._is_read = True

    def _send(self, whole: Chunk) -> None:
        size = min(len(whole.data), self._credit)
        now, self._rest = split(whole, size)
        chunk = request_pb2.LogChunk(start=now.start, attempt=self._attempt.key.attempt, pieces=now.reply.log_chunk.pieces)
        self._position += size
        self._credit -= size
        reply = request_pb2.Reply(request_id=self._call.request.id, log_chunk=chunk)
        if not self._call.forward(reply, now.data):
            self.close()

    def _refuse(self, refused: Refused) -> None:
        self._exchange = None
        self._call.refuse(refused)
        self.close()

    def _finish(self) -> None:
        end = log_end(self._position, self._attempt, self._job, self._starts_in_us)
        self._call.send(request_pb2.Reply(request_id=self._call.request.id, last=True, log_end=end))
        self.close()


def split(whole: Chunk, size: int) -> tuple[Chunk, Chunk | None]:
    """Return the first bytes of a chunk with their pieces, and the rest of it if there is one. Pure."""
    if size >= len(whole.data):
        return whole, None
    data = memoryview(whole.data)
    first, rest = request_pb2.Reply(), request_pb2.Reply()
    left = size
    for piece in whole.reply.log_chunk.pieces:
        before = min(piece.size, left)
        left -= before
        for part, length in ((first, before), (rest, piece.size - before)):
            if length:
                part.log_chunk.pieces.add(stream=piece.stream, size=length, at_us=piece.at_us)
    return Chunk(first, whole.start, data[:size]), Chunk(rest, whole.start + size, data[size:])


def worker_of(key: AttemptKey, engine: FleetEngine) -> Worker:
    """Return where an attempt was placed.

    Raises Refused(NOT_FOUND).
    """
    machine = engine.machine_of(key)
    if not machine:
        raise Refused(Code.NOT_FOUND, f"the job {format_id(key.id)} was on no worker, so it has no log", reason=Reason.NOT_STARTED)
    return engine.workers.get(machine)


def _name(message: job_pb2.JobKey, key: AttemptKey) -> None:
    message.owner, message.id = key.owner, key.id
