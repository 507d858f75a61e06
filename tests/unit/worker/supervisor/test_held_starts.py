"""Facts of starts that are held back for a moment, on a real loop."""

from __future__ import annotations

from jobwire.worker.supervisor.held_starts import HeldStarts
from jobwire.worker.supervisor.loop import Loop

# Longer than any of them is held back.
_SECONDS = 0.05


class Room:
    def __init__(self) -> None:
        self.loop = Loop()
        self.sent: list[str] = []
        self.starts = HeldStarts(self.loop, self.sent.append)

    def run(self) -> None:
        self.loop.after(_SECONDS, self.loop.end)
        self.loop.run()


def test_a_start_is_sent_soon_and_once() -> None:
    room = Room()
    room.starts.add("a", "a started")
    assert room.sent == []
    room.run()
    assert room.sent == ["a started"]
    assert not room.starts


def test_the_start_of_a_job_that_has_ended_is_not_sent() -> None:
    room = Room()
    for handle in "abc":
        room.starts.add(handle, f"{handle} started")
    room.starts.drop("a")
    room.starts.drop("unknown")
    room.run()
    assert room.sent == ["b started", "c started"]


def test_nothing_is_sent_to_the_next_worker() -> None:
    room = Room()
    room.starts.add("a", "a started")
    room.starts.clear()
    room.starts.add("b", "b started")
    room.run()
    assert room.sent == ["b started"]


def test_all_are_sent_before_something_else_about_their_jobs() -> None:
    room = Room()
    room.starts.add("a", "a started")
    room.starts.add("b", "b started")
    room.starts.send_all()
    assert room.sent == ["a started", "b started"]
    room.run()
    assert room.sent == ["a started", "b started"]
