"""What a job in the desk's memory says about itself."""

from __future__ import annotations

from desk_house import attempt

from jobwire.broker.jobs.job import Attempt
from jobwire.broker.jobs.life import Phase
from jobwire.schemas.generated import job_pb2
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.wire_codec import outcome_to_wire


def test_an_outcome_is_told_as_it_is_also_when_another_one_has_taken_its_place() -> None:
    one = Attempt(attempt(1), Phase.ENDED_RUNNING)
    assert one.told_outcome == job_pb2.Outcome()
    for outcome in (Outcome(OutcomeKind.EXITED, 3), Outcome(OutcomeKind.EXITED, 3, sentence="stopped by ann"), Outcome(OutcomeKind.LOST)):
        one.outcome = outcome
        assert one.told_outcome == outcome_to_wire(outcome)
        assert one.told_outcome is one.told_outcome
