"""When the other side is asked for a sign of life, and when its silence is said: by times and counts, without waiting."""

from __future__ import annotations

import pytest

from jobwire.client.protocol.pulse import Pulse, Sign

NOTHING, ASK, SILENT, BACK = Sign.NOTHING, Sign.ASK, Sign.SILENT, Sign.BACK


class Watch:
    """A pulse with a patience of a second, looked at when it is due."""

    def __init__(self) -> None:
        self.pulse = Pulse(1.0)
        self.now = 100.0
        self.heard = 1
        self.waits = True
        self.moving = False
        self.seen = True
        assert self.look() is NOTHING

    def look(self) -> Sign:
        return self.pulse.look(self.now, self.heard, waits=self.waits, looks_on=lambda: self.seen, is_moving=lambda: self.moving)

    def until_due(self) -> Sign:
        due = self.pulse.due_at()
        assert due is not None
        self.now = due
        return self.look()

    def hear(self, after: float = 0.0) -> Sign:
        self.now += after
        self.heard += 1
        return self.look()

    def be_silent(self) -> None:
        assert [self.until_due(), self.until_due()] == [ASK, SILENT]


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_a_quiet_connection_is_asked_after_a_second_and_its_silence_is_said_after_another(watch: Watch) -> None:
    assert watch.until_due() is ASK
    assert watch.now == 101.0
    assert watch.until_due() is SILENT
    assert (watch.now, watch.pulse.silent_for(watch.now), watch.pulse.is_silent) == (102.0, 2.0, True)


def test_an_answer_each_second_is_all_that_happens_on_a_healthy_connection(watch: Watch) -> None:
    seen = []
    for _ in range(100):
        seen += [watch.until_due(), watch.hear(after=0.002)]
    assert seen == [ASK, NOTHING] * 100


def test_whatever_comes_is_a_sign_and_while_it_comes_nothing_is_asked(watch: Watch) -> None:
    assert [watch.hear(after=0.9) for _ in range(50)] == [NOTHING] * 50
    # What was asked is no longer open: the next silence begins with another question.
    assert [watch.until_due(), watch.hear(after=0.9), watch.until_due(), watch.until_due()] == [ASK, NOTHING, ASK, SILENT]


def test_silence_is_said_once_and_its_end_too(watch: Watch) -> None:
    watch.be_silent()
    assert watch.pulse.due_at() is None
    watch.now += 60
    assert watch.look() is NOTHING
    assert watch.hear() is BACK
    assert watch.hear() is NOTHING


def test_a_worker_that_takes_a_little_less_than_a_second_for_each_answer_is_not_silent(watch: Watch) -> None:
    for _ in range(100):
        assert watch.until_due() is ASK
        assert watch.hear(after=0.99) is NOTHING


def test_a_slow_line_on_which_bytes_still_move_is_not_silent(watch: Watch) -> None:
    watch.moving = True
    assert watch.until_due() is ASK
    assert [watch.until_due() for _ in range(10)] == [NOTHING] * 10
    watch.moving = False
    assert watch.until_due() is SILENT


def test_while_nobody_looks_on_nothing_is_asked_and_nothing_said(watch: Watch) -> None:
    watch.seen = False
    assert [watch.until_due() for _ in range(10)] == [NOTHING] * 10
    watch.seen = True
    assert watch.until_due() is ASK
    watch.seen = False
    assert [watch.until_due() for _ in range(10)] == [NOTHING] * 10
    # Whoever looks again hears of it as early as of any silence.
    watch.seen = True
    watch.be_silent()


@pytest.mark.parametrize("seconds", [2.0, 60.0])
def test_who_was_suspended_itself_listens_for_a_second_before_it_says_anything(watch: Watch, seconds: float) -> None:
    assert watch.until_due() is ASK
    watch.now += seconds
    assert watch.look() is NOTHING
    assert watch.hear(after=0.01) is NOTHING
    assert watch.until_due() is ASK
    watch.now += seconds
    assert [watch.look(), watch.until_due()] == [NOTHING, SILENT]


def test_without_a_connection_or_anything_to_wait_for_nothing_is_asked_and_nothing_said(watch: Watch) -> None:
    watch.waits = False
    assert watch.look() is NOTHING
    assert watch.pulse.due_at() is None
    watch.now += 60
    assert watch.look() is NOTHING
    watch.waits = True
    assert watch.look() is NOTHING
    # A second from the moment at which there is something to wait for.
    assert watch.pulse.due_at() == watch.now + 1


def test_of_a_silent_connection_that_is_lost_others_speak(watch: Watch) -> None:
    watch.be_silent()
    watch.waits = False
    assert watch.look() is NOTHING
    watch.waits = True
    assert watch.hear() is NOTHING


def test_a_sign_that_ends_the_wait_ends_the_silence_too(watch: Watch) -> None:
    watch.be_silent()
    watch.waits = False
    assert watch.hear() is BACK


def test_a_line_whose_signs_come_late_again_and_again_is_spoken_of_less_and_less(watch: Watch) -> None:
    waits = []
    for _ in range(6):
        assert watch.until_due() is ASK
        asked = watch.now
        assert watch.until_due() is SILENT
        waits.append(watch.now - asked)
        assert watch.hear(after=1.0) is BACK
    assert waits == [1, 2, 4, 8, 8, 8]
    # What was silent for long was silent; and a good minute makes up for all of it.
    assert [watch.until_due(), watch.until_due(), watch.hear(after=10.0)] == [ASK, SILENT, BACK]
    watch.be_silent()
    watch.hear(after=1.0)
    for _ in range(62):
        assert [watch.until_due(), watch.hear()] == [ASK, NOTHING]
    assert watch.until_due() is ASK
    asked = watch.now
    assert [watch.until_due(), watch.now - asked] == [SILENT, 1]
