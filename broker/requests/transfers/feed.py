"""feed, push and resize: standard input that arrives as a stream, and what is typed at a terminal; push also carries the bytes of a put."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Protocol

from ....keys.members.rights import Right, demand, may
from ....keys.proofs.input_seal import Fed
from ....schemas.frames import TOKEN_BYTES
from ....schemas.generated import request_pb2
from ....schemas.jobs.terminal import TerminalSize
from ....schemas.naming import JobKey, format_id
from ....schemas.refusal import Code, Reason, Refused
from ...engine import Engine
from ...jobs.job import Job
from ...store.queries import Lookup
from ...streams.pushed.feed_stream import FeedStream, fed_by_another
from ...streams.pushed.job_input import JobInput
from ...streams.pushed.pushed_stream import PushedStream, Pusher
from ...streams.pushed.sealed_input import SealedInput
from ...streams.pushed.typing_stream import TypingStream
from ...streams.watchers import Watchers
from ..call import Call
from ..job_keys import read_key

# The jobs that are fed through this worker at present.
Feeders = dict[JobKey, JobInput]


class Inputs(Protocol):
    """Creates the streams for input of jobs: of this machine, or of the workers of a broker. `ended` is called once, at the end."""

    def feeding(self, call: Call, ended: Callable[[], None]) -> JobInput:
        """Return the stream for a standard input."""
        ...

    def typing(self, call: Call, ended: Callable[[], None]) -> JobInput:
        """Return the stream for typing at a terminal."""
        ...


class LocalInputs:
    """Creates the streams for input of the jobs on this machine."""

    def __init__(self, engine: Engine, live: Container[JobKey] = ()) -> None:
        """`live`: the jobs that have not ended."""
        self._engine = engine
        self._live = live
        # The inputs that come through a broker and are checked; of a job, one for each feeder, also those that come too late.
        self._sealed: dict[tuple[JobKey, Fed], SealedInput] = {}

    def feeding(self, call: Call, ended: Callable[[], None]) -> FeedStream:
        """Return the stream for a standard input."""
        account = call.peer.account
        return FeedStream(
            pusher_of(call, "sent more input than it may", ended),
            call.request.feed.token,
            self._engine,
            shared_by=lambda: account.feeds + account.puts,
            sealed=self._sealed_for(call),
        )

    def _sealed_for(self, call: Call) -> SealedInput | None:
        """Return what checks an input; the same object for each stream of it."""
        if call.sealed is None:
            return None
        which = read_key(call.request.feed.key, call.member), call.sealed
        if which not in self._sealed:
            self._sealed = {other: one for other, one in self._sealed.items() if other[0] in self._live}
            self._sealed[which] = SealedInput(call.sealed)
        return self._sealed[which]

    def typing(self, call: Call, ended: Callable[[], None]) -> TypingStream:
        """Return the stream for typing at a terminal."""
        return TypingStream(pusher_of(call, "typed more than it may", ended), self._engine, call_later=call.turns.call_later)


def pusher_of(call: Call, too_much: str, ended: Callable[[], None]) -> Pusher:
    """Return the sender of the bytes behind a request, who is disconnected with `too_much` for bytes that nobody asked for."""

    def expel(refused: Refused) -> None:
        call.peer.outlet.expel(call.peer, call.request.id, refused, too_much)

    return Pusher(call.request.id, call.send, call.refuse, expel, ended)


def feed(call: Call, lookup: Lookup, watchers: Watchers, inputs: Inputs, feeders: Feeders) -> None:
    """Let the owner of a job feed it, once it has started; or let a member type at its terminal."""
    request = call.request.feed
    key = read_key(request.key, call.member)
    job = lookup.visible_job(key, call.member)
    if job.spec.terminal is not None:
        _type(call, job, watchers, inputs)
        return
    demand(call.member, Right.SUBMIT, key.owner)
    if len(request.token) != TOKEN_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, f"the token of a feeder has {TOKEN_BYTES} bytes, not {len(request.token)}")
    if not job.spec.feed:
        message = f"the standard input of the job {format_id(key.id)} does not arrive as a stream"
        raise Refused(Code.FAILED_PRECONDITION, message, "submit a job whose spec says `feed`")
    former = feeders.get(key)
    if former is not None and former.token != request.token:
        raise fed_by_another()
    if former is not None:
        # The same client, over a new connection; the end of the old one is not known yet.
        former.close()
    call.demand_stream()
    account = call.peer.account

    def ended() -> None:
        call.stream_ended()
        account.feeds -= 1
        if feeders.get(key) is stream:
            del feeders[key]
        watchers.unwatch(job, stream)

    stream = inputs.feeding(call, ended)
    call.open_stream(stream)
    account.feeds += 1
    feeders[key] = stream
    watchers.watch(job, stream)


def push(call: Call) -> None:
    """Take bytes for an open feed or put; bytes for one that has ended are dropped, because they were in transit."""
    request: request_pb2.Push = call.request.push
    stream = call.peer.streams.get(request.request_id)
    if isinstance(stream, PushedStream):
        stream.push(request, call.bulk)


def resize(call: Call) -> None:
    """Set the size of a terminal to the sender's; does nothing if the sender no longer types there."""
    request: request_pb2.Resize = call.request.resize
    stream = call.peer.streams.get(request.request_id)
    if isinstance(stream, PushedStream):
        stream.resize(TerminalSize(request.rows, request.columns))


def _type(call: Call, job: Job, watchers: Watchers, inputs: Inputs) -> None:
    if not may(call.member, Right.STOP, job.key.owner):
        message = f"{call.member.name} has the role {call.member.role}, which may watch the terminal of this job, but not type there"
        raise Refused(Code.PERMISSION_DENIED, message, "follow its log, which shows the same", reason=Reason.ROLE)
    call.demand_stream()

    def ended() -> None:
        call.stream_ended()
        watchers.unwatch(job, stream)

    stream = inputs.typing(call, ended)
    call.open_stream(stream)
    watchers.watch(job, stream)
