"""What is read and sent of a standard input, whatever becomes of the connection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.protocol.pushing.feeding import Feeding, Piece
from jobwire.schemas.refusal import Refused

INPUT = bytes(range(256)) * 4


def begun(reached: int = 0, limit: int = 100, most_bytes: int = 64) -> Feeding:
    feeding = Feeding()
    feeding.begin(most_bytes)
    feeding.allow(reached, limit)
    return feeding


def sent(feeding: Feeding) -> list[Piece]:
    return [piece._replace(data=bytes(piece.data)) for piece in iter(feeding.next, None)]


def test_nothing_is_read_before_the_worker_lets() -> None:
    feeding = Feeding()
    assert feeding.room == 0
    feeding.begin(64)
    assert (feeding.room, feeding.next()) == (0, None)
    feeding.allow(0, 100)
    assert feeding.room == 64


def test_what_was_read_is_sent_once_and_the_end_with_it_or_alone() -> None:
    feeding = begun()
    feeding.add(b"abc")
    assert sent(feeding) == [Piece(0, b"abc", last=False)]
    assert sent(feeding) == []
    feeding.add(b"")
    assert sent(feeding) == [Piece(3, b"", last=True)]
    assert (sent(feeding), feeding.room) == ([], 0)
    feeding = begun()
    feeding.add(b"abc")
    feeding.add(b"")
    assert sent(feeding) == [Piece(0, b"abc", last=True)]


def test_after_a_lost_connection_it_goes_on_where_the_worker_is() -> None:
    feeding = begun()
    for part in (b"abc", b"def", b""):
        feeding.add(part)
    assert len(sent(feeding)) == 2
    feeding.begin(64)
    assert feeding.next() is None
    feeding.allow(4, 100)
    assert sent(feeding) == [Piece(4, b"ef", last=True)]
    # The end had arrived already.
    feeding.begin(64)
    feeding.allow(6, 100)
    assert sent(feeding) == [Piece(6, b"", last=True)]


def test_a_worker_that_is_elsewhere_is_refused() -> None:
    feeding = begun()
    feeding.add(b"abc")
    with pytest.raises(Refused, match="has 4 bytes"):
        feeding.allow(4, 100)
    feeding.allow(3, 100)
    with pytest.raises(Refused, match="has 2 bytes"):
        feeding.allow(2, 100)


class Worker:
    """Takes pieces, and knows how far it is."""

    def __init__(self) -> None:
        self.got = b""
        self.is_ended = False
        self.limit = 0

    def take(self, piece: Piece) -> None:
        assert piece.start + len(piece.data) <= self.limit
        assert piece.start <= len(self.got)
        self.got += bytes(piece.data[len(self.got) - piece.start :])
        self.is_ended = self.is_ended or piece.last


@given(st.lists(st.tuples(st.sampled_from(["read", "send", "lose", "let"]), st.integers(1, 200)), max_size=60))
def test_every_byte_arrives_once_and_little_is_kept(steps: list[tuple[str, int]]) -> None:
    feeding, worker, source = Feeding(), Worker(), memoryview(INPUT)
    is_begun = False
    for what, count in [*steps, *[("lose", 1), ("let", 200), ("read", 200), ("send", 200)] * 12]:
        if what == "lose" or not is_begun:
            feeding.begin(64)
            is_begun = True
            feeding.allow(len(worker.got), worker.limit) if worker.limit > len(worker.got) else None
        elif what == "let":
            worker.limit = max(worker.limit, len(worker.got) + count)
            feeding.allow(len(worker.got), worker.limit)
        elif what == "read" and feeding.room:
            size = min(count, feeding.room)
            assert size <= 64
            feeding.add(bytes(source[:size]))
            source = source[size:]
        elif what == "send":
            for piece in iter(feeding.next, None):
                worker.take(piece)
        assert sum(len(data) for _, data in feeding._kept) <= 264
    assert worker.got == INPUT[: len(worker.got)]
    assert worker.is_ended == (len(worker.got) == len(INPUT) and feeding._is_ended)
