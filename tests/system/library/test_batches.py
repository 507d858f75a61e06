"""Runs of batches from programs, with a real worker."""

from __future__ import annotations

import asyncio

import pytest

from jobwire import AsyncClient, Client, Refused
from jobwire.client.sockets.addressee import Context
from jobwire.schemas.naming import new_id
from jobwire.schemas.refusal import Code


def test_a_batch_with_the_id_of_a_run_is_that_run_or_is_refused(context: Context, client: Client) -> None:
    run, jobs = new_id(), [["true"], ["echo", "two"]]

    async def again() -> None:
        async with AsyncClient(context) as waiting:
            assert [job.key for job in (await waiting.batch(jobs, id=run)).started] == [job.key for job in first.started]
            with pytest.raises(Refused, match="without 1 of these 3 jobs, such as false"):
                await waiting.batch([*jobs, ["false"]], id=run)

    first = client.batch(jobs, id=run)
    assert [job.key for job in client.batch(jobs, id=run).started] == [job.key for job in first.started]
    with pytest.raises(Refused, match="without this job") as refused:
        client.batch([{"name": "other", "argv": ["false"]}], id=run)
    assert refused.value.code is Code.ALREADY_EXISTS
    asyncio.run(again())
    assert len([*client.list(all=True)]) == 2
