"""Which starts come alone."""

from __future__ import annotations

from jobwire.worker.engine.lone_starts import LoneStarts


def test_the_first_start_comes_alone_and_those_that_follow_soon_do_not() -> None:
    starts = LoneStarts()
    assert starts.is_alone(1, 0, now=100.0)
    assert not starts.is_alone(1, 0, now=100.001)
    # Each counts from the one before it: this is 5 ms after the first, and 4 after the second.
    assert not starts.is_alone(1, 0, now=100.0049)
    assert starts.is_alone(1, 0, now=100.0099)


def test_several_jobs_are_not_alone_nor_is_who_follows_them() -> None:
    starts = LoneStarts()
    assert not starts.is_alone(2, 0, now=100.0)
    assert not starts.is_alone(1, 0, now=100.003)
    assert starts.is_alone(1, 0, now=200.0)


def test_a_start_is_not_alone_while_others_are_starting() -> None:
    starts = LoneStarts()
    assert not starts.is_alone(1, 1, now=100.0)
    assert not starts.is_alone(0, 0, now=200.0)
