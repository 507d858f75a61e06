import pytest

from jobwire.client.protocol.pushing.feeding import Piece
from jobwire.client.protocol.pushing.keystrokes import Keystrokes
from jobwire.schemas.frames import LARGEST_TYPED
from jobwire.schemas.jobs.terminal import TerminalSize
from jobwire.schemas.refusal import Refused

SIZE = TerminalSize(24, 80)


def begun() -> Keystrokes:
    keystrokes = Keystrokes()
    keystrokes.begin(1000)
    keystrokes.allow(0, 5000)
    return keystrokes


def test_what_is_typed_is_sent_once() -> None:
    keystrokes = begun()
    keystrokes.add(b"ab")
    keystrokes.add(b"c")
    assert keystrokes.next() == Piece(0, b"abc", last=False)
    assert keystrokes.next() is None


def test_what_is_typed_before_the_terminal_is_there_waits() -> None:
    keystrokes = Keystrokes()
    keystrokes.add(b"early")
    keystrokes.begin(1000)
    assert keystrokes.next() is None
    keystrokes.allow(0, 3)
    assert keystrokes.next() == Piece(0, b"ear", last=False)
    assert keystrokes.next() is None
    keystrokes.allow(3, 6)
    assert keystrokes.next() == Piece(3, b"ly", last=False)


def test_what_was_not_acknowledged_is_dropped_at_a_reconnect_and_counted() -> None:
    keystrokes = begun()
    keystrokes.add(b"one")
    assert keystrokes.next() == Piece(0, b"one", last=False)
    keystrokes.allow(2, 5000)
    keystrokes.add(b"two")
    keystrokes.begin(1000)
    keystrokes.allow(0, 5000)
    assert keystrokes.lost == 1
    assert keystrokes.next() == Piece(0, b"two", last=False)


def test_a_large_paste_is_cut_to_what_the_worker_takes() -> None:
    keystrokes = begun()
    keystrokes.add(b"x" * 2500)
    assert [len(piece.data) for piece in iter(keystrokes.next, None)] == [1000, 1000, 500]


def test_there_is_room_for_a_window() -> None:
    keystrokes = Keystrokes()
    keystrokes.add(b"x" * LARGEST_TYPED)
    assert keystrokes.room == 0


@pytest.mark.parametrize("reached", [4, 1])
def test_a_worker_that_counts_wrong_is_refused(reached: int) -> None:
    keystrokes = begun()
    keystrokes.add(b"abc")
    keystrokes.next()
    keystrokes.allow(2, 5000)
    with pytest.raises(Refused, match="has typed"):
        keystrokes.allow(reached, 5000)


def sizes(keystrokes: Keystrokes) -> list[TerminalSize]:
    return list(iter(keystrokes.next_size, None))


def test_a_size_is_sent_once_and_again_on_the_next_connection() -> None:
    keystrokes = begun()
    assert sizes(keystrokes) == []
    keystrokes.resize(SIZE)
    assert sizes(keystrokes) == [SIZE]
    assert sizes(keystrokes) == []
    keystrokes.begin(1000)
    assert sizes(keystrokes) == [TerminalSize(23, 80), SIZE]


def test_a_new_terminal_need_not_be_drawn_again_but_one_that_was_left() -> None:
    new, left = Keystrokes(), Keystrokes()
    left.redraw()
    for one in (new, left):
        one.resize(SIZE)
        one.begin(1000)
    assert (sizes(new), sizes(left)) == ([SIZE], [TerminalSize(23, 80), SIZE])
