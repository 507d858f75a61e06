"""The processor time of a client that watches 1,000 running jobs in which nothing happens, and of its worker."""

from __future__ import annotations

import asyncio
from time import process_time

from groups.idle import ticks
from stage import Ground, Stage
from table import Line, amount, at_most

from jobwire.client.asynchronous.client import AsyncClient
from jobwire.keys.identity import parse_public

_MILLISECONDS_A_TICK = 10
_SETTLE_SECONDS = 3


def measure(ground: Ground) -> list[Line]:
    """Measure it over a while, once with one task for each job, which is how a program would wait for them."""
    count, seconds = (100, 5) if ground.quick else (1000, 20)
    with ground.stage(slots=count) as stage:
        ours, theirs = asyncio.run(_watch(stage, count, seconds))
    # So that both are a share of a core: floor 1 %, aim 0.2 %.
    promise = at_most(10 * seconds, 2 * seconds, "ms")
    what = f"{count} running jobs watched for {seconds} s, processor time of client and worker"
    return [amount(what, ours + theirs, promise, note=f"client {ours:.1f} ms, worker {theirs:.0f} ms")]


async def _watch(stage: Stage, count: int, seconds: float) -> tuple[float, float]:
    """Return the milliseconds of processor time of the client and of the worker."""
    async with AsyncClient.connect(stage.description["endpoint"], parse_public(stage.description["key"]), stage.admin) as client:
        jobs = await client.submit_many([["sleep", "1000"]] * count)
        waits = [asyncio.create_task(job.wait()) for job in jobs]
        while any(job.pid is None for job in jobs):  # noqa: ASYNC110 -- the library waits for ends
            await asyncio.sleep(0.1)
        await asyncio.sleep(_SETTLE_SECONDS)
        before, ours = ticks(stage)["worker"], process_time()
        await asyncio.sleep(seconds)
        spent = (process_time() - ours) * 1000, float(ticks(stage)["worker"] - before) * _MILLISECONDS_A_TICK
        if any(wait.done() for wait in waits):
            raise RuntimeError("a job ended meanwhile")
        await client.stop(jobs, grace=0)
        await asyncio.gather(*waits)
    return spent
