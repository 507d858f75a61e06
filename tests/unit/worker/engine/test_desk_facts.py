import itertools

from jobwire.broker.engine import Expected
from jobwire.schemas.jobs.states import Outcome, OutcomeKind, ResourceUse
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.wire_codec import outcome_to_wire
from jobwire.worker.engine.desk_facts import lost, read_ended, why_lost, why_unwritten
from jobwire.worker.state.log_folders import outcomes

KEY = AttemptKey(b"o" * 32, b"1" * 16, 1)


def test_an_outcome_file_is_an_end_without_known_resource_use() -> None:
    file = outcomes.OutcomeFile("exited", 3, 0, "exited with status 3", 7, 10, 20, 1, 2)
    fact = read_ended(KEY, file._asdict())
    assert (fact.key, fact.pid, fact.started_at_us, fact.ended_at_us) == (KEY, 7, 10, 20)
    assert (fact.outcome.kind, fact.outcome.exit_status, fact.outcome.use) == (OutcomeKind.EXITED, 3, ResourceUse(0, 0, 0))


def test_a_number_that_cannot_be_is_not_known_and_does_not_cost_the_end() -> None:
    file = outcomes.OutcomeFile("exited", 0, 0, "exited with status 0", 7, 10, 20, 1, 2)._asdict()
    used = {"user_us": -1, "system_us": 5, "max_resident_bytes": 1 << 64, "cpu_us": -66_513, "peak_memory_bytes": -(1 << 70)}
    outcome = read_ended(KEY, file | used).outcome
    assert (outcome.use.user_us, outcome.use.system_us, outcome.use.max_resident_bytes) == (0, 5, 0)
    assert (outcome.use.cpu_us, outcome.use.peak_memory_bytes) == (0, 0)
    assert outcome_to_wire(outcome).use.system_us == 5


def test_only_what_never_can_have_run_is_started_again() -> None:
    for pid, launched, rebooted in itertools.product((0, 7), (False, True), (False, True)):
        why = why_lost(Expected(KEY, pid, 1, 1, launched), rebooted=rebooted)
        assert bool(why) == bool(pid or (launched and rebooted))


def test_what_may_have_been_in_a_folder_that_could_not_be_read_is_not_started_again() -> None:
    for pid, rebooted in itertools.product((0, 7), (False, True)):
        assert why_lost(Expected(KEY, pid, 1, 1, launched=True), rebooted=rebooted, was_unread=True)


def test_output_is_unwritten_because_of_the_machine_and_not_of_who_changed_a_log() -> None:
    removed = "its log was removed while it ran"
    assert not why_unwritten(Outcome(OutcomeKind.EXITED, stdout_problem=removed))
    failed = Outcome(OutcomeKind.EXITED, stdout_problem=removed, stderr_problem="Input/output error")
    assert why_unwritten(failed) == "Input/output error"


def test_what_is_lost_says_why() -> None:
    one = Expected(KEY, 7, 10, 5, launched=True)
    fact = lost(one, why_lost(one, rebooted=False))
    assert (fact.pid, fact.started_at_us, fact.outcome.kind) == (7, 10, OutcomeKind.LOST)
    assert "there is neither a process nor an outcome" in fact.outcome.sentence
