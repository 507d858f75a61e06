from __future__ import annotations

import pytest

from jobwire.client.library.values.event import EventCursor, event
from jobwire.client.library.values.results import moment
from jobwire.schemas.generated import event_pb2
from jobwire.schemas.refusal import Refused

STORE = "000102030405060708090a0b0c0d0e0f"


def test_a_cursor_is_written_and_read() -> None:
    cursor = EventCursor(bytes(range(16)), 7)

    assert str(cursor) == "000102030405060708090a0b0c0d0e0f:7"
    assert EventCursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize("text", ["", "now", "00:1", STORE, f"{STORE}:-1", f"{STORE}:1_0", f"{STORE}:\u0663", f"{STORE}:+1"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="is not a cursor"):
        EventCursor.parse(text)


def test_an_event_of_a_newer_daemon_is_left_out() -> None:
    assert event(b"s" * 16, event_pb2.Event(kind=99)) is None
    known = event(b"s" * 16, event_pb2.Event(kind=2, seq=4, at_us=1_000_000, pid=9, started_at_us=1))
    assert known is not None
    assert (known.cursor.seq, known.process, known.at) == (4, "9@19700101T000000.000001Z", moment(1_000_000))
