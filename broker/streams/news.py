"""Decides who receives which events: grants, and the filter of each. Knows no socket: the messages are returned, with their topics.

A grant is a random topic that belongs to one identity and one filter. Its messages contain a dense count, so that its subscriber
notices a gap. An event costs only the grants that it matches, which are found through indexes.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, Protocol

from ...keys.identity import KEY_BYTES
from ...keys.members.rights import Member, Right, may
from ...schemas.frames import MOST_GRANTS, TOPIC_BYTES
from ...schemas.generated import event_pb2
from ...schemas.jobs.spec_check import LONGEST_LABEL
from ...schemas.naming import ID_BYTES, AttemptKey, JobKey
from ...schemas.refusal import Code, Reason, Refused

# Events in one published message: a subscriber's pipe is limited in messages.
_EVENTS_A_MESSAGE = 64
# What is told in one piece: events, times the grants that are looked at for each; a large event counts as several. About a millisecond.
_MOST_A_PIECE = 1000
_BYTES_OF_ONE = 256
_GRANT_SECONDS_UNSUBSCRIBED = 60.0
# If an identity has as many grants as it may. A subscription arrives sooner, if at all.
_GRANT_SECONDS_AT_THE_BOUND = 5.0
# Jobs named in all grants of one identity. Each costs an entry in the index.
_JOBS_AN_IDENTITY = 100_000
# More than one only for a while, after a reconnect. Each has its own queue in libzmq.
_SUBSCRIBERS_A_GRANT = 4
_EVERYTHING = (b"", b"")

# A topic, and what is published on it.
Message = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class NewsFilter:
    """Which events match. Empty parts match everything."""

    owner: bytes = b""
    batch: bytes = b""
    labels: frozenset[tuple[str, str]] = frozenset()
    jobs: frozenset[JobKey] = frozenset()

    def lets_through(self, event: event_pb2.Event, labels: AbstractSet[tuple[str, str]] | None = None) -> bool:
        """Return whether the event matches every part that is set; `labels`: those of the event, if they were read before."""
        if self.owner and event.key.owner != self.owner:
            return False
        if self.batch and event.batch != self.batch:
            return False
        if self.jobs and JobKey(event.key.owner, event.key.id) not in self.jobs:
            return False
        return not self.labels or self.labels <= (_labels_of(event) if labels is None else labels)


def read_filter(message: event_pb2.Filter, member: Member) -> NewsFilter:
    """Return a filter from a request, narrowed to what the member may see; missing owners in job keys mean the member.

    Raises Refused: PERMISSION_DENIED if the member may not see what it asks for, INVALID_ARGUMENT if it is malformed.
    """
    if any(len(label.name) + len(label.value) > LONGEST_LABEL for label in message.labels):
        raise Refused(Code.INVALID_ARGUMENT, f"a label of the filter is longer than {LONGEST_LABEL} characters")
    if any(len(key.owner) not in (0, KEY_BYTES) or len(key.id) != ID_BYTES for key in message.jobs):
        raise Refused(Code.INVALID_ARGUMENT, "a job of the filter has an invalid id")
    owner = message.owner
    if not may(member, Right.SEE_OTHERS, b""):
        if owner and owner != member.key:
            raise Refused(Code.PERMISSION_DENIED, f"the role {member.role} sees only its own jobs", reason=Reason.ROLE)
        owner = member.key
    return NewsFilter(
        owner=owner,
        batch=message.batch,
        labels=frozenset((label.name, label.value) for label in message.labels),
        jobs=frozenset(JobKey(key.owner or member.key, key.id) for key in message.jobs),
    )


class Waits(Protocol):
    """Called when an attempt at a job starts to wait for jobs, or (`begins` False) stops."""

    def __call__(self, outer: AttemptKey, inner: Sequence[JobKey], *, begins: bool) -> None:
        """Begin or end a wait."""
        ...


class Waiting(NamedTuple):
    """A job that waits, while it is subscribed, for the jobs in its filter."""

    tell: Waits
    outer: AttemptKey
    inner: Sequence[JobKey]

    def note(self, *, begins: bool) -> None:
        """Report that it starts to wait, or stops."""
        self.tell(self.outer, self.inner, begins=begins)


@dataclass(slots=True, eq=False)
class Grant:
    """One topic: who may subscribe to it, its filter, and how many events were sent on it. `account`: the key it is counted for."""

    topic: bytes
    public: bytes
    account: bytes
    filter: NewsFilter
    # If a job acts for its owner.
    waiting: Waiting | None = None
    count: int = 0
    # How many connections are subscribed: after a reconnect, the new one may arrive before the old one is known to be gone.
    subscribed: int = 0
    unsubscribed_at: float = 0.0
    pending: list[event_pb2.Event] = field(default_factory=list)


class News:
    """All grants. `head` is the seq of the last event that is durable, `now` a monotonic clock in seconds."""

    def __init__(self, store_id: bytes, nonce: bytes, head: int, now: Callable[[], float]) -> None:
        self._store_id = store_id
        self._nonce = nonce
        self._head = head
        self._now = now
        self._grants: dict[bytes, Grant] = {}
        self._owned: defaultdict[bytes, dict[bytes, Grant]] = defaultdict(dict)
        self._index: defaultdict[tuple[bytes, bytes], set[Grant]] = defaultdict(set)

    def __len__(self) -> int:
        """Return how many grants there are."""
        return len(self._grants)

    def grant(
        self, public: bytes, wanted: NewsFilter, most: int = MOST_GRANTS, account: bytes = b"", waiting: Waiting | None = None
    ) -> bytes:
        """Make a grant and return its topic. `account`: the key it is counted for, if not `public`.

        Raises Refused(RESOURCE_EXHAUSTED) if the identity has `most`, and all are in use.
        """
        account = account or public
        own = list(self._owned.get(account, {}).values())
        idle = [grant for grant in own if not grant.subscribed]
        patience = _GRANT_SECONDS_UNSUBSCRIBED if len(own) < most else _GRANT_SECONDS_AT_THE_BOUND
        now = self._now()
        for old in idle:
            if now - old.unsubscribed_at > patience:
                self.revoke(old.topic)
                own.remove(old)
        if len(own) >= most:
            message = f"this key has {len(own)} subscriptions, which is the limit"
            raise Refused(Code.RESOURCE_EXHAUSTED, message, "close some", reason=Reason.TOO_MANY_GRANTS)
        if len(wanted.jobs) + sum(len(grant.filter.jobs) for grant in own) > _JOBS_AN_IDENTITY:
            raise Refused(
                Code.RESOURCE_EXHAUSTED,
                f"the subscriptions of this key would name more than {_JOBS_AN_IDENTITY} jobs",
                "subscribe to a batch, or to all of an owner",
                reason=Reason.TOO_MANY_GRANTS,
            )
        made = Grant(os.urandom(TOPIC_BYTES), public, account, wanted, waiting, unsubscribed_at=self._now())
        self._grants[made.topic] = self._owned[account][made.topic] = made
        for entry in _entries(wanted):
            self._index[entry].add(made)
        return made.topic

    def revoke(self, topic: bytes, public: bytes | None = None) -> bool:
        """Delete a grant (if `public` is given, only one of its own) and return whether it was deleted; nothing more is published on it."""
        grant = self._grants.get(topic)
        if grant is None or (public is not None and grant.public != public):
            return False
        del self._grants[topic]
        del self._owned[grant.account][topic]
        if not self._owned[grant.account]:
            del self._owned[grant.account]
        if grant.waiting is not None and grant.subscribed:
            grant.waiting.note(begins=False)
        for entry in _entries(grant.filter):
            self._index[entry].discard(grant)
            if not self._index[entry]:
                del self._index[entry]
        return True

    def revoke_all(self, public: bytes, account: bytes = b"") -> None:
        """Delete all grants of one identity; `account`: the key they are counted for, if another one."""
        for grant in list(self._owned.get(account or public, {}).values()):
            self.revoke(grant.topic, public)

    def wanted(self, topic: bytes, public: bytes) -> bool:
        """Return whether this identity may subscribe to this topic."""
        grant = self._grants.get(topic)
        return grant is not None and grant.public == public and grant.subscribed < _SUBSCRIBERS_A_GRANT

    def arrived(self, topic: bytes) -> Message:
        """Count a subscriber; return `ready` for it: from now on it misses nothing that is published."""
        grant = self._grants[topic]
        grant.subscribed += 1
        if grant.waiting is not None and grant.subscribed == 1:
            grant.waiting.note(begins=True)
        return self._message(grant, event_pb2.News(ready=event_pb2.Ready(head=self._cursor())))

    def left(self, topic: bytes) -> None:
        """Note that a subscriber left, and when."""
        grant = self._grants.get(topic)
        if grant is not None:
            if grant.waiting is not None and grant.subscribed == 1:
                grant.waiting.note(begins=False)
            grant.subscribed = max(0, grant.subscribed - 1)
            grant.unsubscribed_at = self._now()

    def part_of(self, events: Iterable[event_pb2.Event]) -> list[event_pb2.Event]:
        """Return the first of these events, as many as can be sent without delaying other work; at least one."""
        if not self._index:
            return list(events)
        part: list[event_pb2.Event] = []
        cost = 0
        for event in islice(events, _EVENTS_A_MESSAGE):
            looked_at = sum(len(self._index.get(entry, ())) for entry in _places(event))
            cost += 1 + looked_at * (1 + event.ByteSize() // _BYTES_OF_ONE)
            if part and cost > _MOST_A_PIECE:
                break
            part.append(event)
        return part

    def tell(self, events: Sequence[event_pb2.Event]) -> list[Message]:
        """Return the messages for events that are durable, in the order of their seq."""
        self._head = events[-1].seq
        if not self._index:
            return []
        told: list[Message] = []
        touched: dict[Grant, None] = {}
        for event in events:
            for grant in self._matching(event):
                grant.pending.append(event)
                touched[grant] = None
        # Most grants of somebody who has many get the same events.
        written: dict[tuple[int, ...], bytes] = {}
        for grant in touched:
            for start in range(0, len(grant.pending), _EVENTS_A_MESSAGE):
                part = grant.pending[start : start + _EVENTS_A_MESSAGE]
                grant.count += len(part)
                if grant.subscribed:
                    same = tuple(event.seq for event in part)
                    content = written.get(same)
                    if content is None:
                        content = written[same] = event_pb2.News(events=event_pb2.Events(events=part)).SerializeToString()
                    # The fields of a message may come in any order, and in parts.
                    topic, head = self._message(grant, event_pb2.News())
                    told.append((topic, head + content))
            grant.pending.clear()
        return told

    def beat(self) -> list[Message]:
        """Return a heartbeat for every grant with subscribers: its count also reveals the loss of their last message."""
        return [
            self._message(grant, event_pb2.News(heartbeat=event_pb2.Heartbeat(head=self._cursor())))
            for grant in self._grants.values()
            if grant.subscribed
        ]

    def _matching(self, event: event_pb2.Event) -> Iterable[Grant]:
        labels: AbstractSet[tuple[str, str]] | None = None
        for entry in _places(event):
            for grant in self._index.get(entry, ()):
                if grant.filter.labels and labels is None:
                    labels = _labels_of(event)
                if grant.filter.lets_through(event, labels):
                    yield grant

    def _message(self, grant: Grant, news: event_pb2.News) -> Message:
        news.count = grant.count
        news.nonce = self._nonce
        return grant.topic, news.SerializeToString()

    def _cursor(self) -> event_pb2.Cursor:
        return event_pb2.Cursor(store=self._store_id, seq=self._head)


def _labels_of(event: event_pb2.Event) -> AbstractSet[tuple[str, str]]:
    return {(label.name, label.value) for label in event.labels}


def _places(event: event_pb2.Event) -> Iterator[tuple[bytes, bytes]]:
    """Iterate over the index entries of grants that an event can match."""
    key = event.key
    yield from (_EVERYTHING, (key.owner, b""), (key.owner, key.id), (b"batch", event.batch))


def _entries(wanted: NewsFilter) -> list[tuple[bytes, bytes]]:
    """Return the index entries of a filter: under its narrowest part, so that each event finds it once."""
    if wanted.jobs:
        return [(key.owner, key.id) for key in wanted.jobs]
    if wanted.batch:
        return [(b"batch", wanted.batch)]
    if wanted.owner:
        return [(wanted.owner, b"")]
    return [_EVERYTHING]
