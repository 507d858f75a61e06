import itertools

import pytest

from jobwire.broker.life import NEXT, RECOVERED, Happening, Impossible, Phase, TakeUp, advance, phase_of, state_of
from jobwire.schemas.job import State


def test_every_state_that_is_stored_is_taken_up_in_the_phase_it_shows() -> None:
    for state in State:
        assert state_of(phase_of(state)) is state


def test_what_is_not_in_the_table_is_an_error_with_a_name() -> None:
    with pytest.raises(Impossible, match="LAUNCHED in phase RUNNING"):
        advance(Phase.RUNNING, Happening.LAUNCHED)


def test_nothing_leaves_the_end() -> None:
    for happening in (Happening.STARTED, Happening.STOP_ASKED, Happening.ENDED):
        assert advance(Phase.FINISHED, happening) is Phase.FINISHED


def test_only_a_launch_out_of_the_queue_is_a_launch() -> None:
    launched = {phase for phase, happening in NEXT if happening is Happening.LAUNCHED}
    assert launched == {Phase.QUEUED}


def test_facts_and_stops_are_answered_in_every_phase() -> None:
    told = {Happening.STARTED, Happening.STOP_ASKED, Happening.ENDED}
    assert all(pair in NEXT for pair in itertools.product(Phase, told))


def test_whatever_had_not_ended_is_taken_up_and_only_what_nobody_knows_is_started() -> None:
    stored = {phase_of(state) for state in State} - {Phase.FINISHED}
    assert RECOVERED.keys() == set(itertools.product(stored, (False, True)))
    assert {pair for pair, way in RECOVERED.items() if way is TakeUp.QUEUE} == {(Phase.QUEUED, False)}
