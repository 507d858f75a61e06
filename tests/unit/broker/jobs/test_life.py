import itertools

import pytest

from jobwire.broker.jobs.life import (
    ENDED,
    NEXT,
    RECOVERED,
    SHOWN,
    STORED,
    WITH_ENGINE,
    Happening,
    Impossible,
    Phase,
    TakeUp,
    advance,
    phase_of,
)
from jobwire.schemas.jobs.states import State

FACTS = {Happening.STARTED, Happening.ENDED}
IN_THE_STORE = set(Phase) - {Phase.ACCEPTING, Phase.CLEARING}


def test_every_phase_is_shown_and_stored() -> None:
    assert set(SHOWN) == set(STORED) == set(Phase)


def test_what_is_stored_is_read_in_a_phase_that_is_stored_the_same() -> None:
    for stored, has_process in itertools.product(set(STORED.values()), (False, True)):
        assert STORED[phase_of(stored, has_process=has_process)] == stored


def test_what_is_read_is_shown_as_it_is_stored() -> None:
    for stored in set(STORED.values()):
        assert SHOWN[phase_of(stored, has_process=True)] is stored.state


def test_nothing_is_shown_that_is_not_on_disk_but_a_stop() -> None:
    ahead = {phase for phase in Phase if SHOWN[phase] is not STORED[phase].state}
    assert ahead == {Phase.STARTED, Phase.ENDED_QUEUED, Phase.ENDED_RUNNING, Phase.ENDED_STOPPING}
    # What they become when they are recorded is shown as it is stored.
    for phase in ahead:
        recorded = Happening.START_RECORDED if phase is Phase.STARTED else Happening.END_RECORDED
        after = advance(phase, recorded)
        assert SHOWN[after] is STORED[after].state is STORED[phase].state


def test_what_is_not_in_the_table_is_an_error_with_a_name() -> None:
    with pytest.raises(Impossible, match="CHOSEN in phase RUNNING"):
        advance(Phase.RUNNING, Happening.CHOSEN)


def test_only_what_waits_is_chosen_and_only_what_is_recorded_as_launched_reaches_the_engine_at_once() -> None:
    chosen = {before: after for (before, happening), after in NEXT.items() if happening is Happening.CHOSEN}
    assert chosen == {Phase.QUEUED: Phase.LAUNCHING, Phase.CLEARED: Phase.LAUNCHED}
    assert STORED[Phase.CLEARED].launched
    assert not STORED[Phase.QUEUED].launched


def test_nothing_comes_back_from_its_end() -> None:
    for (before, happening), after in NEXT.items():
        if before in ENDED:
            assert after in ENDED, (before, happening)
    assert {after for (before, _), after in NEXT.items() if before is Phase.FINISHED} == {Phase.FINISHED}


def test_an_end_is_final_only_when_it_is_recorded() -> None:
    finals = {happening for (before, happening), after in NEXT.items() if after is Phase.FINISHED and before is not after}
    assert finals == {Happening.END_RECORDED}


def test_a_stop_is_answered_in_every_phase_that_others_see() -> None:
    assert all((phase, Happening.STOP_ASKED) in NEXT for phase in IN_THE_STORE)


def test_facts_are_answered_in_every_phase_in_which_the_engine_has_it_or_had_it() -> None:
    phases = WITH_ENGINE | ENDED
    assert all(pair in NEXT for pair in itertools.product(phases, FACTS))


def test_whatever_had_not_ended_is_taken_up_and_only_what_nobody_knows_is_started() -> None:
    stored = {phase_of(stored, has_process=process) for stored in STORED.values() for process in (False, True)} - {Phase.FINISHED}
    assert RECOVERED.keys() == set(itertools.product(stored, (False, True)))
    assert {pair for pair, (_, way) in RECOVERED.items() if way is TakeUp.QUEUE} == {(Phase.QUEUED, False), (Phase.CLEARED, False)}
    for (_, known), (phase, way) in RECOVERED.items():
        assert (way is TakeUp.QUEUE) == (phase in {Phase.QUEUED, Phase.CLEARED})
        assert known or way is not TakeUp.REPEAT_STOP


def test_what_is_stored_of_a_job_never_goes_back() -> None:
    order = [State.QUEUED, State.RUNNING, State.STOPPING, State.FINISHED]
    for (before, happening), after in NEXT.items():
        assert order.index(STORED[before].state) <= order.index(STORED[after].state)
        # A job that is held was not given to the engine yet, and one that was returned did not start.
        assert STORED[after].launched >= STORED[before].launched or happening in (Happening.HELD, Happening.RETURN_RECORDED)
