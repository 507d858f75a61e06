import os

import pytest

from jobwire.keys.holder import identify
from jobwire.worker.status import lines


@pytest.mark.parametrize(
    ("cgroups", "marks", "said"),
    [
        (True, True, "by cgroup, session and mark; a job"),
        (True, False, "by cgroup and session (no mark: hard limit RLIMIT_RTTIME); a job"),
        (False, True, "by session and mark (no cgroup v2); a job"),
        (False, False, "by session (no cgroup v2; no mark: hard limit RLIMIT_RTTIME); a job"),
    ],
)
def test_what_holds_the_processes_of_a_job_is_listed_as_doctor_does(*, cgroups: bool, marks: bool, said: str) -> None:
    told = dict.fromkeys(("version", "endpoint", "event_endpoint", "key", "state", "roster"), "x") | {"roster_problem": None}
    numbers = dict.fromkeys(("slots", "running", "queued", "disk_free_bytes", "keeper_pid"), 0) | {"supervisor_pid": os.getpid()}
    shown = [*lines(identify() | told | numbers | {"cgroups": cgroups, "marks": marks}, None)]
    assert [line for line in shown if line.startswith("containment")] == [
        f"containment  {said} that drops all of these on purpose can escape stop"
    ]
