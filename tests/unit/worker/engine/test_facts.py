import itertools

from jobwire.broker.engine import Expected
from jobwire.schemas.job import OutcomeKind, ResourceUse
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.engine.facts import lost, read_ended, why_lost
from jobwire.worker.state import folders, job_files

KEY = AttemptKey(b"o" * 32, b"1" * 16, 1)


def test_an_outcome_file_is_an_end_without_known_resource_use() -> None:
    file = job_files.OutcomeFile("exited", 3, 0, "exited with status 3", 7, 10, 20, 1, 2)
    fact = read_ended(folders.handle(KEY), file._asdict())
    assert (fact.key, fact.pid, fact.started_at_us, fact.ended_at_us) == (KEY, 7, 10, 20)
    assert (fact.outcome.kind, fact.outcome.exit_status, fact.outcome.use) == (OutcomeKind.EXITED, 3, ResourceUse(0, 0, 0))


def test_only_what_never_can_have_run_is_started_again() -> None:
    for pid, launched, rebooted in itertools.product((0, 7), (False, True), (False, True)):
        why = why_lost(Expected(KEY, pid, 1, 1, launched), rebooted=rebooted)
        assert bool(why) == bool(pid or (launched and rebooted))


def test_what_is_lost_says_why() -> None:
    one = Expected(KEY, 7, 10, 5, launched=True)
    fact = lost(one, why_lost(one, rebooted=False))
    assert (fact.pid, fact.started_at_us, fact.outcome.kind) == (7, 10, OutcomeKind.LOST)
    assert "its end was not seen" in fact.outcome.sentence
