"""How soon a killed worker is back: from SIGKILL, with many running jobs, to the first request that the next one answers."""

from __future__ import annotations

from statistics import median
from time import perf_counter

from stage import Ground
from table import Line, amount, at_most

from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import State


def measure(ground: Ground) -> list[Line]:
    """Start the jobs once, then kill the worker again and again; each time it is started again at once."""
    count, rounds = (100, 2) if ground.quick else (1000, 5)
    seconds = []
    with ground.stage(slots=count) as stage:
        with stage.client() as client:
            jobs = client.submit_many([JobSpec((b"/bin/sleep", b"3600"))] * count)
            while any(job.pid is None for job in jobs):
                client.pump()
        for _ in range(rounds):
            begun = perf_counter()
            stage.restart()
            with stage.client() as client:
                running = sum(info.state is State.RUNNING for info in client.list())
            seconds.append(perf_counter() - begun)
            if running != count:
                raise RuntimeError(f"{running} of {count} jobs run after the worker was killed")
    note = f"{rounds} times, the longest {max(seconds):.2f} s; the answer is the whole list"
    return [amount(f"killed with {count} running jobs until a request is answered", median(seconds), at_most(3, 1, "s"), note=note)]
