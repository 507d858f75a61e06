"""The life of an allocation: the table has an answer to everything, and nothing that ended comes back."""

from __future__ import annotations

import itertools

from jobwire.broker.growth.life import COMING, NEXT, Happening, State


def test_whatever_happens_has_an_answer() -> None:
    assert set(NEXT) == set(itertools.product(State, Happening))


def test_what_has_ended_never_counts_again() -> None:
    assert {after for (before, _), after in NEXT.items() if before is State.ENDED} == {State.ENDED}


def test_one_that_is_to_leave_stays_so_even_if_its_worker_joins_only_now() -> None:
    assert {after for (before, _), after in NEXT.items() if before is State.LEAVING} == {State.LEAVING, State.ENDED}


def test_a_worker_that_has_joined_is_never_waited_for_again() -> None:
    assert not {after for (before, _), after in NEXT.items() if before is State.JOINED} & COMING
