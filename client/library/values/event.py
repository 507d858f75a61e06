"""Events as users get them, and the cursors after which to continue. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from ....schemas.frames import STORE_ID_BYTES
from ....schemas.generated import event_pb2
from ....schemas.jobs.states import EventKind, Outcome
from ....schemas.naming import JobKey, format_id, format_process
from ....schemas.private_parts.frozen import frozen
from ....schemas.refusal import Code, Refused
from ....schemas.wire_codec import outcome_from_wire
from .results import moment

if TYPE_CHECKING:
    from datetime import datetime

# What travels as a seq.
_LARGEST_SEQ = 2**64 - 1


class EventCursor(NamedTuple):
    """A position in the events of one store. As text it is `STORE:SEQ`, with the store's id in hex."""

    store: bytes
    seq: int

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        return f"{self.store.hex()}:{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the cursor that `STORE:SEQ` means.

        Raises `Refused(INVALID_ARGUMENT)` for anything else.
        """
        store, _, seq = text.partition(":")
        try:
            # int() would also take digits of other scripts, and 1_0.
            cursor = cls(bytes.fromhex(store), int(seq) if seq.isascii() and seq.isdecimal() else -1)
        except ValueError:
            cursor = cls(b"", -1)
        if len(cursor.store) != STORE_ID_BYTES or not 0 <= cursor.seq <= _LARGEST_SEQ:
            raise Refused(Code.INVALID_ARGUMENT, f"{text!r} is not a cursor", "use 'now', 'start', or the cursor of an event, STORE:SEQ")
        return cursor


@frozen
class Event:
    """One event. Iterating after `cursor` returns the events that follow it, even after a restart of client or worker."""

    cursor: EventCursor
    kind: EventKind
    key: JobKey
    at_us: int
    name: str
    labels: dict[str, str]
    # Run id of its batch; empty if it has none.
    batch: bytes
    pid: int | None
    started_at_us: int
    # Set in `finished` and `retrying`.
    outcome: Outcome | None
    # Why, in words; may be empty.
    sentence: str
    # Which attempt at the job this is of, 1 for the first.
    attempt: int = 1
    # In `retrying`: how long the next attempt waits after the end of this one, in milliseconds.
    next_delay_ms: int = 0

    @property
    def id(self) -> str:
        """The id of the job as text."""
        return format_id(self.key.id)

    @property
    def process(self) -> str | None:
        """`PID@START` of the job; None if it has no process."""
        return format_process(self.pid, self.started_at_us) if self.pid else None

    @property
    def at(self) -> datetime | None:
        """The time of the event."""
        return moment(self.at_us)

    @property
    def started_at(self) -> datetime | None:
        """The time when the process of the job was started."""
        return moment(self.started_at_us)


def event(store: bytes, message: event_pb2.Event) -> Event | None:
    """Return an event that came over the wire; None if this version does not know its kind."""
    try:
        kind = EventKind(message.kind)
    except ValueError:
        return None
    return Event(
        cursor=EventCursor(store, message.seq),
        kind=kind,
        key=JobKey(message.key.owner, message.key.id),
        at_us=message.at_us,
        name=message.name,
        labels={label.name: label.value for label in message.labels},
        batch=message.batch,
        pid=message.pid or None,
        started_at_us=message.started_at_us,
        outcome=outcome_from_wire(message.outcome) if message.HasField("outcome") else None,
        sentence=message.sentence,
        attempt=message.attempt or 1,
        next_delay_ms=message.next_delay_ms,
    )
