from __future__ import annotations

from jobwire.client.cli.runs import Count, counted
from jobwire.client.library.results import JobInfo
from jobwire.schemas.job import Outcome, OutcomeKind, State
from jobwire.schemas.naming import JobKey
from jobwire.schemas.spec import JobSpec


def job(number: int, state: State, outcome: Outcome | None = None, pid: int | None = 1) -> JobInfo:
    ended = number * 10 if outcome else 0
    key = JobKey(b"o" * 32, bytes([number]) * 16)
    return JobInfo(key, JobSpec((b"true",)), state, "ada", None, number, number + 1, ended, pid, outcome, "", lasted_us=100 - number)


OK = Outcome(OutcomeKind.EXITED)


def test_what_jobs_add_up_to() -> None:
    bad = [job(1, State.FINISHED, Outcome(OutcomeKind.CANCELLED), None), job(2, State.FINISHED, Outcome(OutcomeKind.EXITED, 3))]
    good = [job(number, State.FINISHED, OK) for number in (3, 4, 5, 6)]
    count = counted([*bad, *good])
    assert str(count) == "4 ok, 2 failed"
    assert count.failures == bad
    # Who had no process did not take long.
    assert [one.key.id[0] for one in count.longest] == [2, 3, 4]
    assert (count.queued_at_us, count.ended_at_us) == (1, 60)


def test_a_run_has_ended_when_all_its_jobs_have() -> None:
    count = counted([job(1, State.FINISHED, OK), job(2, State.RUNNING), job(3, State.STOPPING), job(4, State.QUEUED, pid=None)])
    assert (str(count), count.ended_at_us) == ("1 queued, 2 running, 1 ok", 0)
    assert str(counted([])) == str(Count()) == ""
