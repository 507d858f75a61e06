from __future__ import annotations

import pytest

from jobwire.worker.own_process.leaving import above


@pytest.mark.parametrize(
    ("own", "places"),
    [
        ("", []),
        ("/", []),
        ("/a", [""]),
        ("/user.slice/user-1000.slice/session-3.scope", ["", "/user.slice", "/user.slice/user-1000.slice"]),
        ("/jobwire-ab-12/job-3", [""]),
        ("/lab.service/jobwire-ab-12/job-3", ["", "/lab.service"]),
        (f"/lab.service/jobwire-ab-12/job-{'a' * 32}.{'b' * 64}", ["", "/lab.service"]),
        ("/lab.service/jobwire-ab-12/job-3/beneath", ["", "/lab.service"]),
        ("/lab.service/jobwire-ab-12/job-3/jobwire-cd-34/job-1", ["", "/lab.service"]),
    ],
)
def test_places_above_a_cgroup_are_tried_from_the_top_and_none_is_a_jobs(own: str, places: list[str]) -> None:
    assert above(own) == places
