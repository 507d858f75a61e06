import pytest

from jobwire.broker.store.kept import Unfinished
from jobwire.worker.running_worker import what_goes_on


@pytest.mark.parametrize(
    ("comes_by_itself", "how"),
    [(True, "jobwire stop JOB... (starts the worker again)"), (False, "start the worker again, then jobwire stop JOB...")],
)
def test_jobs_that_continue_without_the_worker_are_listed_with_how_to_stop_them(*, comes_by_itself: bool, how: str) -> None:
    jobs = [Unfinished(bytes(16), "nap", 7), Unfinished(bytes(16), "later", 0)]
    assert [*what_goes_on(jobs, comes_by_itself=comes_by_itself)] == [
        "jobwire: 1 job continues without it:",
        "  00000000  pid 7  nap",
        f"jobwire: to stop them: {how}",
        "jobwire: 1 queued job starts when the worker runs again",
    ]
