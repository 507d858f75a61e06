"""One request and its replies, over any number of attempts. Knows no number of an attempt and no socket.

A stream continues where it was: a log at the byte reached. Of the reports of a repeated `start` or `stop`, those that arrived before are
dropped, so that each is read once.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from ...schemas.generated import job_pb2, request_pb2
from ...schemas.refusal import Code, Refused
from .flow_control import WINDOW_BYTES, ByteWindow, MessageWindow
from .pushing.feeding import Feeding
from .pushing.keystrokes import Keystrokes
from .pushing.uploading import Uploading


class Chunk(NamedTuple):
    """Bytes of a log. `reply` is the header that came with them: a `log_range`, or a `log_chunk`."""

    reply: request_pb2.Reply
    start: int
    data: bytes | memoryview


Item = request_pb2.Reply | Chunk
_READING = frozenset({"follow_log", "fetch", "relay_fetch"})
# Owner and id of a job, attempt, state, and what it waits for.
_Mark = tuple[bytes, bytes, int, int, str]


class Exchange:
    """A request; its replies are read with `Conversation.take`. `ended`: no more will arrive; `refusal` is set if it was refused."""

    __slots__ = (
        "_acknowledged",
        "_attempt",
        "_bytes",
        "_messages",
        "_seen",
        "_stderr_taken",
        "_tells_pieces",
        "_waits",
        "doubt",
        "ended",
        "feeding",
        "items",
        "nonce",
        "number",
        "refusal",
        "request",
        "resumes",
        "uploading",
        "verb",
    )

    def __init__(self, request: request_pb2.Request) -> None:
        self.request = request
        self.verb = request.WhichOneof("verb") or ""
        self.items: deque[Item] = deque()
        self.ended = False
        self.refusal: Refused | None = None
        # Of the last attempt: its number (0: there was none), the nonce it was signed with, and a refusal that may mean only that.
        self.number = 0
        self.nonce = b""
        self.doubt: Refused | None = None
        # Whether it had room at the worker before: then it can find none only because that is still counted.
        self.resumes = False
        self._acknowledged = False
        self._seen: set[_Mark] = set()
        start = self._reads.start if self.verb in _READING else None
        # Of a log: of which attempt it is, and whether its chunks say what they are of.
        self._attempt = request.follow_log.attempt
        self._tells_pieces = request.follow_log.timed or request.follow_log.stream == request_pb2.STREAM_BOTH
        # Of a log of both streams: how many of the bytes that came before the next item are of stderr.
        self._stderr_taken = request.follow_log.stderr_start
        reports = self.verb == "stop" or (self.verb == "start" and request.start.watch)
        self._bytes = ByteWindow(start) if start is not None else None
        self._messages = MessageWindow() if reports else None
        self._waits = self.verb == "query_run" and request.query_run.until_ended
        # What is sent after the request, if that is a `feed`.
        self.feeding: Feeding | Keystrokes | None = None
        if self.verb == "feed":
            # Who types at a terminal needs no token.
            self.feeding = Feeding() if request.feed.token else Keystrokes()
        elif self.verb == "relay_feed":
            self.feeding = Keystrokes() if request.relay_feed.types else Feeding(continues=True)
        # The same of a `put`.
        self.uploading = Uploading(request.put.size) if self.verb == "put" else None
        if self.verb == "relay_put":
            self.uploading = Uploading(request.relay_put.size)

    @property
    def _fetches(self) -> request_pb2.Fetch:
        return self.request.relay_fetch.fetch if self.verb == "relay_fetch" else self.request.fetch

    @property
    def _reads(self) -> request_pb2.FollowLog | request_pb2.Fetch:
        return self.request.follow_log if self.verb == "follow_log" else self._fetches

    @property
    def is_stream(self) -> bool:
        """Whether the worker keeps something open for it."""
        return self._bytes is not None or self._messages is not None or self._waits or self.pushes is not None

    @property
    def is_awaited(self) -> bool:
        """Whether the worker owes a reply at once, and has sent none yet."""
        # Those of which nothing comes before their job has something to say, or to be fed with.
        if self.ended or self.items or self._acknowledged or self._waits or self.verb in {"follow_log", "feed"}:
            return False
        if self.uploading is not None:
            return not self.uploading.is_allowed
        return self._bytes is None or not self._bytes.reached

    @property
    def pushes(self) -> Feeding | Keystrokes | Uploading | None:
        """The bytes to send after the request."""
        return self.feeding or self.uploading

    @property
    def job(self) -> job_pb2.JobKey | None:
        """A job that it waits for, if it names one."""
        request = self.request
        match self.verb:
            case "follow_log":
                return request.follow_log.key
            case "feed":
                return request.feed.key
            case "fetch":
                return request.fetch.key
            case "stop" if request.stop.keys:
                return request.stop.keys[0]
            case "start" if request.start.watch and request.start.jobs:
                return job_pb2.JobKey(id=request.start.jobs[0].id)
            case _:
                return None

    def grant_often(self) -> None:
        """Let the worker send output at once, however small: somebody watches a screen."""
        if self._bytes is not None:
            self._bytes.often = True

    def prepare(self, number: int, hello: request_pb2.HelloReply) -> bytes:
        """Return the request for the next attempt."""
        self.resumes = self.resumes or self.number > 0
        self.number = number
        self.doubt = None
        request = self.request
        request.id = number
        if self._bytes is not None:
            held = sum(len(item.data) for item in self.items if isinstance(item, Chunk))
            reads = self._reads
            reads.credit_bytes = self._bytes.begin(min(WINDOW_BYTES, hello.limits.credit_bytes or WINDOW_BYTES), held)
            reads.start = self._bytes.reached
            if request.follow_log.stream == request_pb2.STREAM_BOTH:
                request.follow_log.stderr_start = self._stderr_taken + sum(map(_stderr_bytes, self.items))
        elif self._messages is not None:
            held = 0
            for item in self.items:
                if isinstance(item, request_pb2.Reply) and item.HasField("reports"):
                    held += 1
                    self._seen.update(_by_mark(item.reports))
            (request.stop if self.verb == "stop" else request.start).credit_messages = self._messages.begin(held)
        if self.pushes is not None:
            self.pushes.begin(hello.limits.push_bytes)
        if self.verb == "feed" and isinstance(self.feeding, Feeding) and hello.kind == "broker":
            # The worker may trust this client, and not what is between them.
            request.feed.sealed = True
            self.feeding.be_sealed()
        if self.verb == "start" and not request.start.first_store:
            request.start.first_store = hello.store
        elif self.verb == "commit" and not request.commit.first_store:
            request.commit.first_store = hello.store
        return request.SerializeToString()

    def receive(self, reply: request_pb2.Reply, data: bytes | memoryview) -> tuple[bool, request_pb2.Credit | None]:
        """Process a reply. Return whether there is something new to read, and what to grant.

        Raises `Refused(INTERNAL)` for a reply that does not fit the request.
        """
        grant, news = None, True
        content = reply.WhichOneof("content")
        match content:
            case "acknowledged":
                # A repeated start is acknowledged again, which the caller knows already.
                news, self._acknowledged = not self._acknowledged, True
                if news:
                    self.items.append(reply)
            case "reports":
                news, grant = self._receive_reports(reply)
            case "log_chunk":
                news = self._receive_chunk(reply, reply.log_chunk.start, data)
                self._note_attempt(reply.log_chunk.attempt)
            case "fetch_chunk":
                news = self._receive_chunk(reply, reply.fetch_chunk.start, data)
                self._fetches.validator = reply.fetch_chunk.validator
            case "log_range":
                self.items.append(Chunk(reply, reply.log_range.start, data))
            case "window":
                if self.pushes is None:
                    raise Refused(Code.INTERNAL, "the worker asked for bytes that it was not offered")
                self.pushes.allow(reply.window.reached, reply.window.limit)
            case None:
                # Of a newer worker, or nothing but the end.
                pass
            case _:
                self.items.append(reply)
        self.ended = reply.last
        return news or reply.last, grant

    def _note_attempt(self, attempt: int) -> None:
        """Stay with the attempt whose log arrives: after a lost connection, another one may be the last."""
        if attempt and attempt != self._attempt:
            self.request.follow_log.attempt = self._attempt = attempt

    def take(self) -> tuple[Item | None, request_pb2.Credit | None]:
        """Return the next reply, and what to grant now that it was read."""
        if not self.items:
            return None, None
        item = self.items.popleft()
        if isinstance(item, Chunk):
            if self._tells_pieces:
                self._stderr_taken += _stderr_bytes(item)
            return item, self._grant(size=self._bytes.taken(len(item.data))) if self._bytes is not None else None
        if self._messages is not None and item.HasField("reports"):
            return item, self._grant(messages=self._messages.taken())
        return item, None

    def _receive_chunk(self, reply: request_pb2.Reply, start: int, data: bytes | memoryview) -> bool:
        if self._bytes is None:
            raise Refused(Code.INTERNAL, "the worker sent a piece of a log that was not asked for")
        if start > self._bytes.reached:
            raise Refused(Code.INTERNAL, f"the worker left out bytes {self._bytes.reached} to {start} of the log")
        known = min(self._bytes.reached - start, len(data))
        if known == len(data):
            return False
        pieces = reply.log_chunk.pieces if self._tells_pieces else ()
        if pieces and (known or sum(piece.size for piece in pieces) != len(data)):
            raise Refused(Code.INTERNAL, "the worker sent a part of a log that does not fit what it said about it")
        self.items.append(Chunk(reply, start + known, memoryview(data)[known:] if known else data))
        self._bytes.reached = start + len(data)
        return True

    def _receive_reports(self, reply: request_pb2.Reply) -> tuple[bool, request_pb2.Credit | None]:
        if self._messages is None:
            raise Refused(Code.INTERNAL, "the worker sent reports that were not asked for")
        self._messages.received()
        new = _by_mark(reply.reports)
        for mark in new.keys() & self._seen:
            del new[mark]
        if not new:
            return False, self._grant(messages=self._messages.taken())
        if len(new) < len(reply.reports.reports):
            reply = request_pb2.Reply(request_id=reply.request_id, last=reply.last, reports=request_pb2.Reports(reports=new.values()))
        # First kept, then counted as seen, which `prepare` makes up for where an exception of a signal handler comes between.
        self.items.append(reply)
        self._seen.update(new)
        return True, None

    def _grant(self, *, size: int = 0, messages: int = 0) -> request_pb2.Credit | None:
        if self.ended or not (size or messages):
            return None
        return request_pb2.Credit(request_id=self.number, bytes=size, messages=messages)


def _stderr_bytes(item: Item) -> int:
    """Return how many bytes of a chunk with times are of stderr."""
    pieces = item.reply.log_chunk.pieces if isinstance(item, Chunk) else ()
    return sum(piece.size for piece in pieces if piece.stream == request_pb2.STREAM_STDERR)


def _by_mark(reports: request_pb2.Reports) -> dict[_Mark, request_pb2.Report]:
    """Return the reports by their identity: each attempt has one for its start, one for its end, and one for each reason to wait."""
    # An older worker does not number its one attempt, and may be upgraded between two attempts at the request.
    return {((key := report.key).owner, key.id, report.attempt or 1, report.state, report.waits_for): report for report in reports.reports}
