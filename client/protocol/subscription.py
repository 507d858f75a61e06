"""Every event after a cursor, in order and once. Knows no socket: requests, replies and news are passed in and out.

A subscription requests a grant, subscribes to its topic, and replays the events between its cursor and the head. Then it is live.

- What was published while it was not subscribed shows as a gap in the grant's count, a heartbeat with a higher count, or a `ready`
  with a later head: `doubted`. It replays after its cursor. Live events are held back until that is done.
- A grant that may be gone (another run of the worker, a new connection of the event socket, silence) is replaced by a new one.
- An event at or before the cursor was delivered already and is dropped.
- A reader that reads nothing costs a bounded number of events: further ones are dropped here and replayed when there is room.

The states are in `TABLE`; what is not in it cannot happen.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterable, Sequence

from ...schemas.generated import event_pb2, job_pb2, request_pb2
from ...schemas.refusal import Code, Reason, Refused

MOST_WAITING = 16_384
# Why a cursor cannot be continued from: events were missed.
MISSED = frozenset({Reason.CURSOR_OF_ANOTHER_STORE, Reason.CURSOR_TOO_OLD, Reason.CURSOR_BEYOND_HEAD})
_EVENTS_A_REPLAY = 1000


class Phase(enum.Enum):
    """The state of a subscription."""

    # Without a grant.
    ASKING = enum.auto()
    # With a grant, not knowing what happened between the cursor and now.
    CATCHING_UP = enum.auto()
    # What comes next on the topic is what happened next.
    LIVE = enum.auto()
    # Refused or closed.
    ENDED = enum.auto()


class Input(enum.Enum):
    """What changes the state."""

    GRANTED = enum.auto()
    CAUGHT_UP = enum.auto()
    DOUBTED = enum.auto()
    GRANT_LOST = enum.auto()
    ENDED = enum.auto()


TABLE = {
    (Phase.ASKING, Input.GRANTED): Phase.CATCHING_UP,
    (Phase.ASKING, Input.GRANT_LOST): Phase.ASKING,
    (Phase.ASKING, Input.ENDED): Phase.ENDED,
    (Phase.CATCHING_UP, Input.CAUGHT_UP): Phase.LIVE,
    (Phase.CATCHING_UP, Input.DOUBTED): Phase.CATCHING_UP,
    (Phase.CATCHING_UP, Input.GRANT_LOST): Phase.ASKING,
    (Phase.CATCHING_UP, Input.ENDED): Phase.ENDED,
    (Phase.LIVE, Input.DOUBTED): Phase.CATCHING_UP,
    (Phase.LIVE, Input.GRANT_LOST): Phase.ASKING,
    (Phase.LIVE, Input.ENDED): Phase.ENDED,
    (Phase.ENDED, Input.GRANT_LOST): Phase.ENDED,
    (Phase.ENDED, Input.ENDED): Phase.ENDED,
}


class Subscription:
    """One reader's position in the events. `topic`: the topic for the event socket; empty without a grant."""

    def __init__(self, wanted: event_pb2.Filter, after: event_pb2.Cursor | None = None) -> None:
        """`after` None: from now on."""
        self.phase = Phase.ASKING
        self.topic = b""
        self.refusal: Refused | None = None
        # Where the worker's news were when the last grant was given: where to go on if this is refused.
        self.head: event_pb2.Cursor | None = None
        self._filter = wanted
        self._store = b"" if after is None else after.store
        # Everything up to here was taken, or was looked at and is of no interest; see `_reached`.
        self._seq = 0 if after is None else after.seq
        # The request of this phase is still to be sent.
        self._due = True
        # Something was missed since the replay that is under way was asked for.
        self._again = False
        # The grant's count as far as heard; None before its first message.
        self._count: int | None = None
        self._held: list[event_pb2.Event] = []
        self._waiting: deque[event_pb2.Event] = deque()

    @property
    def cursor(self) -> event_pb2.Cursor | None:
        """The position reached; None before the first grant of a subscription from now on."""
        return event_pb2.Cursor(store=self._store, seq=self._reached()) if self._store else None

    @property
    def granted(self) -> bool:
        """Whether there is a grant: everything that happens from here on will be delivered."""
        return self.phase in (Phase.CATCHING_UP, Phase.LIVE)

    @property
    def heard(self) -> bool:
        """Whether something has arrived on the topic of the present grant, so that events get through."""
        return self._count is not None

    @property
    def is_up_to_date(self) -> bool:
        """Whether there is nothing to take, and nothing to be requested, as far as is known."""
        return self.phase is Phase.LIVE and not self._waiting

    def look_again(self) -> None:
        """Request what has happened up to now, as if something had been missed."""
        if self.granted:
            self._doubt()

    # --- what to send, what to read

    @property
    def jobs(self) -> Sequence[job_pb2.JobKey]:
        """The jobs whose events are wanted; none: it does not name any."""
        return self._filter.jobs

    def request(self) -> request_pb2.Request | None:
        """Return the request to send now, or None. It replaces the one before, whose answer no longer counts."""
        if not self._due:
            return None
        if self.phase is Phase.ASKING:
            self._due = False
            return request_pb2.Request(subscribe=request_pb2.Subscribe(filter=self._filter))
        if self.phase is Phase.CATCHING_UP and len(self._waiting) < MOST_WAITING:
            self._due = False
            return request_pb2.Request(replay=request_pb2.Replay(filter=self._filter, after=self.cursor, limit=_EVENTS_A_REPLAY))
        return None

    def take(self) -> event_pb2.Event | None:
        """Return the next event, or None if there is none now."""
        if not self._waiting:
            return None
        event = self._waiting.popleft()
        self._seq = max(self._seq, event.seq)
        return event

    # --- what came

    def receive(self, reply: request_pb2.Reply) -> None:
        """Process the reply to the last `request`."""
        if reply.HasField("subscribe") and self.phase is Phase.ASKING:
            self._receive_grant(reply.subscribe)
        elif reply.HasField("replay") and self.phase is Phase.CATCHING_UP:
            self._receive_replay(reply.replay)

    def hear(self, news: event_pb2.News) -> None:
        """Process what was published on `topic`."""
        if not self.granted:
            return
        events = news.events.events
        if news.HasField("ready"):
            # What was published while the subscription was under way was not heard, and is not seen in the count.
            missed = news.ready.head.seq > self._reached()
        else:
            missed = self._count is None or news.count > self._count + len(events)
        self._count = news.count
        if missed or (self.phase is Phase.LIVE and len(self._waiting) >= MOST_WAITING):
            self._doubt()
        if self.phase is Phase.LIVE:
            self._tell(events)
        elif len(self._held) < MOST_WAITING:
            self._held.extend(events)
        else:
            self._held.clear()
            self._doubt()

    def grant_lost(self) -> None:
        """Note that the grant may be gone: request a new one, and continue after the cursor."""
        self._move(Input.GRANT_LOST)
        self._drop_grant()
        self._due = True

    def end(self, refused: Refused | None = None) -> None:
        """Note that this was refused, or is no longer wanted. What waits can still be taken."""
        self._move(Input.ENDED)
        self._drop_grant()
        self.refusal = self.refusal or refused

    # --- how

    def _move(self, what: Input) -> None:
        self.phase = TABLE[self.phase, what]

    def _receive_grant(self, reply: request_pb2.SubscribeReply) -> None:
        head = self.head = reply.head
        if not self._store:
            self._store, self._seq = head.store, head.seq
        refused = _cursor_problem(self._store, self._seq, head)
        if refused is not None:
            self.end(refused)
            return
        self._move(Input.GRANTED)
        self.topic = reply.topic
        self._due = True
        if self._seq == head.seq:
            self._catch_up()

    def _receive_replay(self, reply: request_pb2.ReplayReply) -> None:
        upto = reply.upto
        reached = self._reached()
        if upto.store != self._store or upto.seq < reached or (reply.more and upto.seq == reached):
            self.end(Refused(Code.INTERNAL, "the worker's replay of events does not continue from the requested cursor"))
            return
        self._tell(reply.events)
        self._seq = upto.seq
        if reply.more or self._again:
            # A later page, or one more replay: both are asked for after what was missed.
            self._again = False
            self._due = True
        else:
            self._catch_up()

    def _catch_up(self) -> None:
        self._move(Input.CAUGHT_UP)
        self._due = False
        self._tell(self._held)
        self._held = []

    def _doubt(self) -> None:
        if self.phase is Phase.LIVE:
            self._due = True
        elif not self._due:
            self._again = True
        self._move(Input.DOUBTED)

    def _tell(self, events: Iterable[event_pb2.Event]) -> None:
        for event in events:
            if event.seq > self._reached():
                self._waiting.append(event)

    def _reached(self) -> int:
        # Not counted apart: if an exception of a signal handler comes between keeping an event and counting it, neither is wrong.
        return max(self._seq, self._waiting[-1].seq) if self._waiting else self._seq

    def _drop_grant(self) -> None:
        self.topic = b""
        self._count = None
        self._again = False
        self._held = []


def _cursor_problem(store: bytes, seq: int, head: event_pb2.Cursor) -> Refused | None:
    if store != head.store:
        problem = "the cursor belongs to another store: this is another worker, or its store was rebuilt"
        reason = Reason.CURSOR_OF_ANOTHER_STORE
    elif seq > head.seq:
        problem = f"the cursor is at event {seq} and the worker's newest is {head.seq}: its store is an older copy"
        reason = Reason.CURSOR_BEYOND_HEAD
    else:
        return None
    return Refused(Code.OUT_OF_RANGE, f"{problem}; events may have been missed", "list the jobs, and continue from now", reason=reason)
