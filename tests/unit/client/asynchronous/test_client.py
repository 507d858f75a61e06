from __future__ import annotations

import asyncio
import gc
import inspect
import os
import subprocess
import threading
from collections.abc import Callable

import pytest
from fake_daemon import FakeDaemon, Later

import jobwire
from jobwire.client.asynchronous.client import AsyncClient
from jobwire.client.asynchronous.events import AsyncCursorTooOld
from jobwire.client.asynchronous.job import AsyncJob
from jobwire.client.asynchronous.verbs import actions as verbs
from jobwire.client.asynchronous.workers import AsyncWorkers
from jobwire.client.library.client import Client
from jobwire.client.library.job import Job
from jobwire.client.library.options.specs import job_spec
from jobwire.client.library.values.completed_job import JobFailed, JobTimeout
from jobwire.client.library.values.event import EventCursor
from jobwire.client.library.values.results import BatchInfo
from jobwire.client.library.workers import Workers
from jobwire.client.protocol.conversation import Happened
from jobwire.keys.identity import Identity
from jobwire.schemas.generated import event_pb2
from jobwire.schemas.naming import new_id
from jobwire.schemas.refusal import Code, Refused


def the_job(daemon: FakeDaemon) -> bytes:
    return next(iter(daemon.jobs))


async def until(look: Callable[[], object]) -> None:
    """Wait for something that the daemon does in its thread."""
    async with asyncio.timeout(60):
        while not look():  # noqa: ASYNC110 -- it happens in another thread
            await asyncio.sleep(0.01)


def nothing_is_open(daemon: FakeDaemon) -> bool:
    return daemon.do(lambda: not daemon.streams and not daemon.grants)


# --- the same verbs


@pytest.mark.parametrize(("one", "other"), [(Client, AsyncClient), (Job, AsyncJob), (Workers, AsyncWorkers)])
def test_a_client_of_an_event_loop_has_the_same_verbs_with_the_same_options(one: type, other: type) -> None:
    # For programs that wait for several things at once; a loop does that itself.
    only_blocking = {"pump", "record", "timed_output"}
    names = {name for name in vars(one) if not name.startswith("_")} - only_blocking
    assert names <= set(dir(other))
    for name in names:
        function = inspect.getattr_static(one, name)
        if inspect.isfunction(function):
            blocking, waiting = (inspect.signature(getattr(cls, name)).parameters for cls in (one, other))
            assert set(blocking) == set(waiting), name
            assert [str(each.default) for each in blocking.values()] == [str(waiting[each].default) for each in blocking], name


def test_help_spells_out_every_option() -> None:
    import pydoc  # noqa: PLC0415 -- for this alone

    for function in (jobwire.AsyncClient.run, jobwire.AsyncClient.submit):
        text = pydoc.render_doc(function)
        assert all(f"{option}:" in text for option in job_spec.__annotations__ if option != "return")
        assert "**" not in text.splitlines()[2]


@pytest.mark.parametrize(
    ("options", "said"), [({"universal_newlines": True}, "run.*'universal_newlines'.*text="), ({"time_limt": 1}, "run.*'time_limt'")]
)
async def test_an_unknown_option_is_a_type_error_that_names_it(
    aclient: AsyncClient, daemon: FakeDaemon, options: dict[str, object], said: str
) -> None:
    with pytest.raises(TypeError, match=said):
        await aclient.run(["true"], **options)  # type: ignore[call-overload] # reason: wrong on purpose
    assert daemon.verbs() == []


async def test_run_returns_what_subprocess_would(aclient: AsyncClient) -> None:
    done = await aclient.run(["echo", b"hello"])
    assert (done.args, done.returncode, done.stdout, done.stderr) == (("echo", b"hello"), 0, b"hello\n", b"")
    assert (await aclient.run(["echo", "a\r"], text=True)).stdout == "a\n"


async def test_check_and_timeout_raise_what_subprocess_users_know(aclient: AsyncClient, daemon: FakeDaemon) -> None:
    later = Later(daemon, "follow_log", lambda: daemon.finish(the_job(daemon), 3), 2)
    with pytest.raises(JobFailed):
        await aclient.run(["wait"], check=True)
    later.join()
    with pytest.raises(subprocess.TimeoutExpired) as late:
        await aclient.run(["say", "so far"], timeout=1.0)
    assert (late.value.output, late.value.timeout) == (b"so far\n", 1.0)
    assert all(job.outcome is not None for job in daemon.jobs.values())
    with pytest.raises(subprocess.TimeoutExpired):
        await (await aclient.submit(["wait"])).wait(0.1)


async def test_output_is_read_like_a_pipe(aclient: AsyncClient, daemon: FakeDaemon) -> None:
    job = await aclient.submit(["wait"])
    daemon.write(job.key.id, b"one\ntwo\nth")
    assert [await job.stdout.readline(), await job.stdout.read(3), job.stdout.position] == [b"one\n", b"two", 7]
    reading = asyncio.ensure_future(job.stdout.readline())
    await aclient.hello()
    reading.cancel()
    await asyncio.wait([reading])
    daemon.write(job.key.id, b"ree\n")
    daemon.finish(job.key.id)
    # What the cancelled read had fetched is not lost.
    assert (await job.stdout.read()).endswith(b"three\n")
    async with job.output("stdout", text=True) as log:
        assert [line async for line in log] == ["one\n", "two\n", "three\n"]


async def test_two_tasks_that_read_one_log_are_told(aclient: AsyncClient) -> None:
    job = await aclient.submit(["wait"])
    first = asyncio.ensure_future(job.stdout.read1())
    await asyncio.sleep(0)
    await aclient.hello()
    with pytest.raises(RuntimeError, match="another task"):
        await job.stdout.read1()
    first.cancel()


async def test_jobs_are_listed_named_and_done_to(aclient: AsyncClient, daemon: FakeDaemon) -> None:
    jobs = await aclient.submit_many([["wait"], job_spec(["wait"], name="two")], batch=BatchInfo(new_id(), "b"))
    assert [job.args for job in jobs] == [("wait",), ("wait",)]
    assert [info.id async for info in aclient.list()] == [job.id for job in jobs]
    assert await jobs[0].poll() is None
    await aclient.stop(jobs)
    assert [job.returncode for job in jobs] == [-15, -15]
    assert await aclient.wait(jobs) == jobs
    assert (await (await aclient.submit(["wait"])).stop()).returncode == -15


async def test_events_come_in_order_with_await_or_async_with(aclient: AsyncClient, daemon: FakeDaemon) -> None:
    async with aclient.events() as news:
        job = await aclient.submit(["echo"])
        kinds = []
        async for event in news:
            kinds.append(event.kind.name)
            if event.outcome is not None:
                break
    assert kinds == ["STARTED", "FINISHED"]
    again = await aclient.events("start")
    assert (await anext(again)).key == job.key
    again.close()
    # What has come can still be read, as from the blocking one.
    assert [event.kind.name async for event in again] == ["FINISHED"]
    with pytest.raises(TimeoutError):
        await anext(await aclient.events(timeout=0.1))
    gc.collect()
    await aclient.hello()
    await until(lambda: nothing_is_open(daemon))


async def test_a_cursor_that_is_too_old_says_where_to_continue(aclient: AsyncClient, daemon: FakeDaemon) -> None:
    await aclient.run(["echo"])
    with pytest.raises(AsyncCursorTooOld) as caught:
        await aclient.events(EventCursor(bytes(16), 1))
    assert [info.state.name async for info in caught.value.jobs()] == ["FINISHED"]
    assert isinstance(caught.value, jobwire.CursorTooOld)


# --- the ends of many jobs


async def test_jobs_are_completed_in_the_order_of_their_ends(aclient: AsyncClient, daemon: FakeDaemon) -> None:
    one, two, three = [await aclient.submit(["wait"], watch=name != "two") for name in ("one", "two", "three")]
    ends = aclient.as_completed([one, two, three, one])
    daemon.finish(two.key.id)
    assert await anext(ends) is two
    daemon.finish(one.key.id)
    daemon.finish(three.key.id)
    assert await three.wait() == 0
    assert {job.id async for job in ends} == {one.id, three.id}


async def test_any_number_of_tasks_wait_with_one_subscription(aclient: AsyncClient, daemon: FakeDaemon) -> None:
    jobs = await aclient.submit_many([["wait"]] * 100, watch=False)
    waits = [asyncio.ensure_future(job.wait()) for job in jobs]
    await until(lambda: daemon.do(lambda: len(daemon.grants)) == 1)
    for job in jobs:
        daemon.finish(job.key.id, 3)
    assert await asyncio.gather(*waits) == [3] * 100
    await aclient.hello()
    await until(lambda: nothing_is_open(daemon))
    assert daemon.verbs().count("subscribe") == 1


async def test_more_runs_than_may_be_watched_are_run_at_once(aclient: AsyncClient, daemon: FakeDaemon) -> None:
    results = await asyncio.gather(*(aclient.run(["echo", str(number)]) for number in range(150)))
    assert [done.stdout for done in results] == [f"{number}\n".encode() for number in range(150)]
    await until(lambda: nothing_is_open(daemon))


async def test_a_wait_goes_on_after_a_restart_of_the_worker(aclient: AsyncClient, daemon: FakeDaemon) -> None:
    watched, unwatched = await aclient.submit(["wait"]), await aclient.submit(["wait"], watch=False)
    waits = asyncio.gather(watched.wait(), unwatched.wait())
    await until(lambda: daemon.do(lambda: len(daemon.grants)) == 1)
    await asyncio.to_thread(daemon.restart)
    for job in (watched, unwatched):
        daemon.finish(job.key.id, 4)
    assert await waits == [4, 4]


async def test_a_job_that_is_not_known_fails_its_wait_and_no_other(aclient: AsyncClient, daemon: FakeDaemon) -> None:
    job = await aclient.submit(["wait"], watch=False)
    wait = asyncio.ensure_future(job.wait())
    with pytest.raises(Refused, match="no such job"):
        await aclient.job_by_key(job.key.owner, new_id()).wait()
    daemon.finish(job.key.id)
    assert await wait == 0


# --- cancellation leaves nothing behind


@pytest.mark.parametrize("times", [1, 2])
async def test_a_cancelled_run_stops_its_job(aclient: AsyncClient, daemon: FakeDaemon, times: int) -> None:
    run = asyncio.ensure_future(aclient.run(["wait"]))
    await until(lambda: daemon.verbs().count("follow_log") == 2)
    for _ in range(times):
        run.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await run
    await until(lambda: daemon.jobs[the_job(daemon)].outcome is not None)
    await until(lambda: nothing_is_open(daemon))


async def test_a_run_in_a_time_limit_of_asyncio_stops_its_job(aclient: AsyncClient, daemon: FakeDaemon) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await aclient.run(["wait"])
    await until(lambda: daemon.jobs[the_job(daemon)].outcome is not None)


async def test_a_cancelled_submit_withdraws_its_job_unless_the_caller_made_the_id(aclient: AsyncClient, daemon: FakeDaemon) -> None:
    await aclient.hello()
    for job_id in (None, new_id()):
        held, release = threading.Event(), threading.Event()
        # Its answer must not come before the cancellation.
        holding = asyncio.ensure_future(asyncio.to_thread(daemon.do, lambda: (held.set(), release.wait())))  # noqa: B023 -- awaited below
        await asyncio.to_thread(held.wait)
        submit = asyncio.ensure_future(aclient.submit(["wait"], id=job_id))
        # Sent in the first round of the loop after it was asked for.
        for _ in range(3):
            await asyncio.sleep(0)
        submit.cancel()
        release.set()
        await holding
        with pytest.raises(asyncio.CancelledError):
            await submit
        if job_id is None:
            await until(lambda: all(job.outcome is not None for job in daemon.jobs.values()))
        else:
            await aclient.hello()
            assert (await aclient.submit(["wait"], id=job_id)).returncode is None


async def test_a_job_that_cannot_be_stopped_now_is_stopped_when_the_worker_is_back(
    daemon: FakeDaemon, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verbs, "_STOP_ACKNOWLEDGED_SECONDS", 0.1)
    notices: list[str] = []
    async with AsyncClient.connect(daemon.endpoint, daemon.public, identity, notice=notices.append) as client:
        run = asyncio.ensure_future(client.run(["wait"]))
        await until(lambda: daemon.verbs().count("follow_log") == 2)
        daemon.stop()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert any("a job that is no longer waited for is stopped as soon as it does" in notice for notice in notices)
        daemon.start()
        await until(lambda: daemon.jobs[the_job(daemon)].outcome is not None)


async def test_a_run_whose_start_is_not_answered_in_time_ends_in_time_and_its_job_too(
    aclient: AsyncClient, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verbs, "_STOP_ACKNOWLEDGED_SECONDS", 0.1)
    await aclient.hello()
    held, release = threading.Event(), threading.Event()
    holding = asyncio.ensure_future(asyncio.to_thread(daemon.do, lambda: (held.set(), release.wait())))
    await asyncio.to_thread(held.wait)
    with pytest.raises(JobTimeout):
        await aclient.run(["wait"], timeout=0.1)
    release.set()
    await holding
    await until(lambda: daemon.jobs and daemon.jobs[the_job(daemon)].outcome is not None)


async def test_a_client_that_is_closed_waits_for_no_worker_to_come_back(
    daemon: FakeDaemon, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verbs, "_STOP_ACKNOWLEDGED_SECONDS", 0.1)
    async with AsyncClient.connect(daemon.endpoint, daemon.public, identity) as client:
        run = asyncio.ensure_future(client.run(["wait"]))
        await until(lambda: daemon.verbs().count("follow_log") == 2)
        daemon.stop()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
    daemon.start()
    assert daemon.jobs[the_job(daemon)].outcome is None


async def test_whatever_is_cancelled_leaves_nothing_open(aclient: AsyncClient, daemon: FakeDaemon) -> None:
    job = await aclient.submit(["wait"], watch=False)
    reads = (job.stdout.read(), job.stderr.readline())
    waits = [asyncio.ensure_future(one) for one in (job.wait(), job.result(), aclient.wait([job]), anext(aclient.events()), *reads)]
    await until(lambda: daemon.do(lambda: len(daemon.grants)) == 2 and daemon.verbs().count("follow_log") == 4)
    for one in waits:
        one.cancel()
    await asyncio.wait(waits)
    job.stdout.close()
    job.stderr.close()
    waits.clear()
    gc.collect()
    await aclient.hello()
    await until(lambda: nothing_is_open(daemon))
    assert daemon.jobs[job.key.id].outcome is None


async def test_a_verb_that_is_cancelled_before_there_is_a_connection_is_never_sent(daemon: FakeDaemon, identity: Identity) -> None:
    daemon.stop()
    async with AsyncClient.connect(daemon.endpoint, daemon.public, identity, connect_timeout=60) as client:
        run = asyncio.ensure_future(client.run(["wait"]))
        await asyncio.sleep(0.05)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        daemon.start()
        await client.hello()
        assert daemon.verbs() == ["hello"] * len(daemon.verbs())


async def test_whoever_breaks_out_of_as_completed_leaves_nothing_open(aclient: AsyncClient, daemon: FakeDaemon) -> None:
    jobs = await aclient.submit_many([["wait"], ["wait"]], watch=False)
    daemon.finish(jobs[0].key.id)
    ends = aclient.as_completed(jobs)
    async for _ in ends:
        break
    await ends.aclose()
    await until(lambda: nothing_is_open(daemon))


# --- its loop, its thread, its end


async def test_closing_fails_what_waits(daemon: FakeDaemon, identity: Identity) -> None:
    client = AsyncClient.connect(daemon.endpoint, daemon.public, identity)
    job = await client.submit(["wait"])
    waits = [asyncio.ensure_future(one) for one in (job.wait(), job.stdout.read(), client.run(["wait"]))]
    await until(lambda: daemon.verbs().count("follow_log") == 3)
    waits.append(asyncio.ensure_future(anext(client.events())))
    await until(lambda: daemon.do(lambda: len(daemon.grants)) == 1)
    await client.close()
    await client.close()
    ended = await asyncio.gather(*waits, return_exceptions=True)
    assert [type(one) for one in ended] == [RuntimeError] * 4
    with pytest.raises(RuntimeError, match="closed"):
        await client.hello()


def test_a_client_belongs_to_one_event_loop(daemon: FakeDaemon, identity: Identity) -> None:
    client = AsyncClient.connect(daemon.endpoint, daemon.public, identity)
    asyncio.run(client.hello())  # type: ignore[arg-type] # reason: a coroutine
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(client.hello())  # type: ignore[arg-type] # reason: a coroutine


def test_a_client_that_nobody_holds_is_closed_and_the_loop_is_not_disturbed(daemon: FakeDaemon, identity: Identity) -> None:
    async def drop() -> None:
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- as short
        for _ in range(5):
            client = AsyncClient.connect(daemon.endpoint, daemon.public, identity)
            await client.submit(["wait"])
            del client
        gc.collect()
        await asyncio.sleep(0)
        await until(lambda: len(os.listdir("/proc/self/fd")) <= before + 2)  # noqa: PTH208 -- as short

    asyncio.run(drop())
    assert threading.active_count() < 20


async def test_a_worker_that_is_not_there_is_refused_and_the_loop_goes_on(daemon: FakeDaemon, identity: Identity) -> None:
    daemon.stop()
    rounds = 0

    async def count() -> None:
        nonlocal rounds
        while True:
            await asyncio.sleep(0.01)
            rounds += 1

    counting = asyncio.ensure_future(count())
    async with AsyncClient.connect(daemon.endpoint, daemon.public, identity, connect_timeout=0.5) as client:
        with pytest.raises(Refused, match="no connection"):
            await client.hello()
    counting.cancel()
    assert rounds > 10


async def test_a_message_that_is_no_reply_fails_what_waits_and_not_the_loop(
    aclient: AsyncClient, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await aclient.submit(["wait"])
    wait = asyncio.ensure_future(job.stdout.read())
    await until(lambda: daemon.verbs().count("follow_log") == 1)

    def receive(*_: object) -> list[Happened]:
        raise Refused(Code.INTERNAL, "not a reply")

    monkeypatch.setattr(aclient.connection._traffic.conversation, "receive", receive)
    daemon.write(job.key.id, b"x")
    with pytest.raises(Refused, match="not a reply"):
        await wait


async def test_events_of_jobs_with_many_changes_are_kept_in_order(aclient: AsyncClient, daemon: FakeDaemon) -> None:
    async with aclient.events() as news:
        await asyncio.to_thread(daemon.tell, *[event_pb2.EVENT_KIND_STARTED] * 1000)
        seqs = [(await anext(news)).cursor.seq for _ in range(1000)]
    assert seqs == sorted(seqs)


def test_who_comes_while_the_connection_is_opened_goes_on_in_the_order_in_which_they_came(daemon: FakeDaemon, identity: Identity) -> None:
    """What was submitted first starts first. In each turn of the loop somebody comes, also in those in which the first ones are woken."""

    async def come() -> None:
        client = AsyncClient.connect(daemon.endpoint, daemon.public, identity)
        went_on: list[int] = []

        async def enter(number: int) -> None:
            await client.connection.open()
            went_on.append(number)

        coming: list[asyncio.Task[None]] = []
        while len(went_on) < 6:
            coming.append(asyncio.create_task(enter(len(coming))))
            await asyncio.sleep(0)
        await asyncio.gather(*coming)
        assert went_on == [*range(len(coming))]
        await client.close()

    asyncio.run(come())
