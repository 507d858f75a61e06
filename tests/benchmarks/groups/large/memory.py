"""How the memory of a worker grows: after 100,000 jobs compared with 1,000, with the default retention."""

from __future__ import annotations

from groups.idle import resident_megabytes
from groups.launching import launch_at_once
from stage import Ground
from table import Line, Pairs, at_most

from jobwire.client.library.client import Client
from jobwire.schemas.jobs.spec import JobSpec

_JOBS_A_ROUND = 1000


def measure(ground: Ground) -> list[Line]:
    """Cancel rounds of a thousand queued jobs: everything that the worker does for a job except its process."""
    rounds = 10 if ground.quick else 100
    with ground.stage(slots=1) as stage, stage.client() as client:
        launch_at_once(client, 50)
        blocking = client.submit(["sleep", "1000"])
        # The first round brings allocators and caches to their size.
        sizes = []
        for number in range(rounds):
            _cancel(client, _JOBS_A_ROUND)
            if number in (0, rounds - 1):
                sizes.append(resident_megabytes(stage.pids["worker"]))
        blocking.stop(grace=0)
    what = f"worker's RSS after {rounds * _JOBS_A_ROUND} jobs"
    note = f"limit: after {_JOBS_A_ROUND}; jobs cancelled while they wait"
    return [Pairs([sizes[0]], [sizes[1]]).line(what, "MB", at_most(1.2, 1.1), note=note)]


def _cancel(client: Client, count: int) -> None:
    jobs = client.submit_many([JobSpec((b"/bin/true",))] * count)
    client.stop(jobs)
