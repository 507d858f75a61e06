"""Runs of batches from programs, with a real worker."""

from __future__ import annotations

import asyncio

import pytest

from jobwire import AsyncClient, BatchInfo, Client, Refused, job_spec
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


def test_of_two_clients_that_submit_different_batches_with_one_id_at_the_same_moment_one_is_refused(context: Context) -> None:
    run = new_id()

    async def both() -> list[object]:
        async with AsyncClient(context) as one, AsyncClient(context) as other:
            batches = one.batch([{"name": "a", "argv": ["true"]}], id=run), other.batch([{"name": "b", "argv": ["true"]}], id=run)
            results = await asyncio.gather(*batches, return_exceptions=True)
            assert len([info async for info in one.list(all=True, batch=run)]) == 1
            return list(results)

    (refused,) = (one for one in asyncio.run(both()) if isinstance(one, Refused))
    assert refused.code is Code.ALREADY_EXISTS


_MANY = 1010


def test_a_large_run_is_run_again_in_parts_whatever_is_known_of_its_jobs(context: Context, client: Client) -> None:
    # The last waits for the first, also when they run again.
    tables = [{"name": f"j{number}", "argv": ["true"], "hold": True} for number in range(_MANY - 1)]
    run = client.batch([*tables, {"name": "end", "argv": ["echo"], "after": "j0"}])
    client.batch_run(run.id).stop()
    about, ids = BatchInfo(new_id(), "again"), [new_id() for _ in range(_MANY)]

    async def again_later() -> None:
        async with AsyncClient(context) as waiting:
            repeated = await waiting.rerun(run.started, batch=about, ids=ids)
            assert [job.key for job in repeated] == [job.key for job in first]
            new = await waiting.rerun([info async for info in waiting.list(all=True, batch=about.id)], batch=BatchInfo(new_id()))
            assert (await waiting.info(new[-1].id)).spec.after[0].job == new[0].key.id
            with pytest.raises(Refused) as refused:
                await waiting.rerun([*run.started, await waiting.info(run.started[0].id)], batch=about, ids=[*ids, new_id()])
            assert refused.value.code is Code.ALREADY_EXISTS

    first = client.rerun(run.started, batch=about, ids=ids)
    known = {info.key.id: info for info in client.list(all=True, batch=about.id)}
    assert [known[own].rerun_of for own in ids] == [job.key for job in run.started]
    assert known[ids[-1]].spec.after[0].job == ids[0]
    assert [job.key for job in client.rerun(run.started, batch=about, ids=ids)] == [job.key for job in first]
    client.batch_run(about.id.hex()).stop()
    asyncio.run(again_later())
    assert len([*client.list(all=True)]) == 3 * _MANY


def test_many_jobs_of_no_batch_start_as_a_whole_and_once(context: Context, client: Client) -> None:
    specs = [job_spec(["true"], hold=True)] * 300
    ids = [new_id() for _ in specs]

    async def again() -> None:
        async with AsyncClient(context) as waiting:
            assert [job.key.id for job in await waiting.submit_many(specs, ids=ids)] == ids

    with pytest.raises(Refused) as refused:
        client.submit_many([*specs, job_spec(["true"], cpus=9999)])
    assert (refused.value.code, refused.value.job_index) == (Code.FAILED_PRECONDITION, 300)
    assert not [*client.list(all=True)]
    for _ in range(2):
        assert [job.key.id for job in client.submit_many(specs, ids=ids)] == ids
    asyncio.run(again())
    assert {info.key.id for info in client.list(all=True)} == {*ids}
    jobs = client.submit_many(specs, ids=ids)
    client.change(jobs, held=False)
    assert [job.returncode for job in client.wait(jobs)] == [0] * 300


def test_an_id_that_is_there_twice_among_many_starts_none_of_them(context: Context, client: Client) -> None:
    specs = [job_spec(["true"], hold=True)] * 300
    ids = [new_id() for _ in specs]
    ids[280] = ids[7]

    async def waiting() -> None:
        async with AsyncClient(context) as one:
            await one.submit_many(specs, ids=ids)

    for submit in (lambda: client.submit_many(specs, ids=ids), lambda: asyncio.run(waiting())):
        with pytest.raises(Refused, match="the same id occurs twice") as refused:
            submit()
        assert (refused.value.code, refused.value.job_index) == (Code.INVALID_ARGUMENT, 280)
    assert not [*client.list(all=True)]


def test_a_job_that_is_unknown_is_named_by_its_position(context: Context, client: Client) -> None:
    jobs = client.submit_many([job_spec(["true"])] * 3, watch=False)
    wanted = [*jobs * 400, client.job_by_key(jobs[0].key.owner, new_id())]

    async def again() -> None:
        async with AsyncClient(context) as waiting:
            handles = [waiting.job_by_key(*job.key) for job in wanted]
            with pytest.raises(Refused) as refused:
                await waiting.rerun(handles, batch=BatchInfo(new_id()))
            assert (refused.value.code, refused.value.job_index) == (Code.NOT_FOUND, 1200)

    with pytest.raises(Refused) as refused:
        client.rerun(wanted, batch=BatchInfo(new_id()))
    assert (refused.value.code, refused.value.job_index) == (Code.NOT_FOUND, 1200)
    asyncio.run(again())
