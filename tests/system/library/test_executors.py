"""Jobs as futures, with a real worker."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import pytest
from daemons import Worker, wait_until

from jobwire import AsyncClient, AsyncJobExecutor, Client, JobExecutor, JobFailed, JobFuture, Refused
from jobwire.client.sockets.addressee import Context
from jobwire.keys.identity import generate, save

SECONDS = 60


def states(client: Client) -> list[str]:
    return [info.state.name for info in client.list(all=True)]


class Gate:
    """A job that runs until it is opened, however slow the machine is: until then it holds the one slot, and all others are queued."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._file = folder / "gate"
        self.argv = ["sh", "-c", f"until test -e {self._file}; do sleep 0.05; done; echo a"]

    def open(self) -> None:
        self._file.touch()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    made = Gate(tmp_path)
    yield made
    made.open()


def test_results_and_failures_come_as_futures(context: Context) -> None:
    with JobExecutor(context) as executor:
        plain = executor.submit(["echo", "a"])
        text = executor.submit(["echo", "\u00fc"], text=True)
        failing = executor.submit(["sh", "-c", "exit 3"], check=True)
        undecoded = executor.submit(["printf", r"\377"], text=True)
        assert (plain.result(SECONDS).stdout, text.result(SECONDS).stdout) == (b"a\n", "\u00fc\n")
        with pytest.raises(JobFailed, match="exited with status 3"):
            failing.result(SECONDS)
        assert isinstance(undecoded.exception(SECONDS), UnicodeDecodeError)
        done = {future.result().args[-1] for future in futures.as_completed([executor.submit(["echo", str(n)]) for n in range(100)])}
        assert done == {str(n) for n in range(100)}
        assert [one.stdout for one in executor.map([["echo", str(n)] for n in range(20)])] == [f"{n}\n".encode() for n in range(20)]
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(["true"])


def test_what_is_wrong_is_raised_at_once_or_by_the_future(context: Context, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        JobExecutor(context, max_workers=0)
    with JobExecutor(context) as executor:
        with pytest.raises(TypeError, match="is a program and its arguments, as a list, not a function"):
            executor.submit(len)  # type: ignore[call-overload] # reason: wrong on purpose
        with pytest.raises(TypeError, match=r"submit.*'shell'"):
            executor.submit(["x"], shell=True)  # type: ignore[call-overload] # reason: wrong on purpose
        assert isinstance(executor.submit(["true"], cwd="relative").exception(SECONDS), Refused)
    save(generate(), tmp_path / "stranger")
    with (
        JobExecutor(context._replace(identity_path=tmp_path / "stranger")) as stranger,
        pytest.raises(Refused, match="does not let your key in"),
    ):
        stranger.submit(["true"]).result(SECONDS)


def test_only_what_is_queued_can_be_cancelled(context: Context, client: Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with JobExecutor(context) as executor:
        running = executor.submit(["sh", "-c", f"until test -e {gate}; do sleep 0.05; done"])
        wait_until(running.running, "the job runs")
        queued, called = executor.submit(["touch", str(tmp_path / "ran")]), executor.submit(["true"])
        # A callback may cancel others, as in many programs that stop at the first failure.
        queued.add_done_callback(lambda _: called.cancel())
        assert not queued.running()
        assert not running.cancel()
        assert queued.cancel()
        assert queued.cancel()
        assert queued.cancelled()
        assert futures.wait([queued, called], SECONDS).not_done == set()
        assert called.cancelled()
        assert [*futures.as_completed([queued])] == [queued]
        with pytest.raises(futures.CancelledError):
            queued.result()
        gate.touch()
        assert running.result(SECONDS).returncode == 0
        assert not running.cancel()
    assert not (tmp_path / "ran").exists()
    assert states(client) == ["FINISHED"] * 3


def test_a_shutdown_may_cancel_what_is_queued_and_waits_for_what_runs(context: Context, gate: Gate) -> None:
    executor = JobExecutor(context)
    running = executor.submit(gate.argv)
    queued = [executor.submit(["sleep", "600"]) for _ in range(20)]
    wait_until(running.running, "the job runs")
    executor.shutdown(wait=False, cancel_futures=True)
    assert not running.done()
    gate.open()
    executor.shutdown()
    assert running.result(0).returncode == 0
    assert futures.wait(queued, SECONDS).not_done == set()
    assert all(future.cancelled() for future in queued)


def test_a_map_that_is_not_read_to_its_end_cancels_the_rest(context: Context, client: Client) -> None:
    with JobExecutor(context) as executor:
        results = executor.map([["true"], ["sleep", "0.1"], *[["sleep", "600"]] * 5])
        next(results)
        next(results)
        results.close()  # type: ignore[attr-defined] # reason: a generator
        for job in client.list():
            client.job(job.id).stop(grace=0)


def test_max_workers_limits_what_runs_at_once(own_context: Context) -> None:
    with JobExecutor(own_context, max_workers=2) as executor:
        results = [*executor.map([["sleep", "0.5"]] * 6)]
    starts_and_ends = sorted([(done.started_at_us, 1) for done in results] + [(done.ended_at_us, -1) for done in results])
    at_once = most = 0
    for _, change in starts_and_ends:
        at_once += change
        most = max(most, at_once)
    assert most == 2


def test_futures_are_resolved_after_the_worker_was_killed(own_context: Context, worker: Worker) -> None:
    with JobExecutor(own_context) as executor:
        jobs = [executor.submit(["sh", "-c", f"sleep 1; echo {n}"]) for n in range(4)]
        wait_until(jobs[0].running, "the job runs")
        worker.kill()
        worker.start()
        assert [job.result(SECONDS).stdout for job in jobs] == [f"{n}\n".encode() for n in range(4)]


def test_a_future_whose_executor_nobody_holds_is_resolved_and_the_thread_ends(context: Context) -> None:
    future = JobExecutor(context).submit(["sh", "-c", "sleep 0.3; echo a"])
    gc.collect()
    assert future.result(SECONDS).stdout == b"a\n"
    del future
    wait_until(lambda: gc.collect() or not [one for one in threading.enumerate() if one.name == "jobwire-executor"], "the thread has ended")


def test_a_program_that_exits_without_a_shutdown_leaves_its_jobs(context: Context, client: Client, tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from jobwire import JobExecutor
from jobwire.client.sockets.addressee import Context
executor = JobExecutor(Context("lab", {context.endpoint!r}, {context.server_key!r}, Path({str(context.identity_path)!r})))
jobs = [executor.submit(["sh", "-c", "sleep 0.3; touch {tmp_path}/ran"]) for _ in range(2)]
while not jobs[0].running(): pass
"""
    ended = subprocess.run([sys.executable, "-W", "default", "-c", program], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    wait_until((tmp_path / "ran").exists, "the jobs ran on")
    client.wait([client.job(info.id) for info in client.list(all=True)])


def test_an_executor_from_before_a_fork_is_refused_in_the_child(context: Context) -> None:
    with JobExecutor(context) as executor:
        executor.submit(["true"]).result(SECONDS)

        def child() -> None:
            with pytest.raises(RuntimeError, match="before a fork"):
                executor.submit(["true"])

        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join(SECONDS)
        assert process.exitcode == 0


async def test_futures_of_a_loop_cancel_what_is_queued_and_leave_what_runs(
    context: Context, client: Client, gate: Gate, tmp_path: Path
) -> None:
    async with AsyncClient(context) as loop_client, AsyncJobExecutor(loop_client) as executor:
        first = executor.submit(gate.argv, text=True)
        await asyncio.to_thread(wait_until, lambda: states(client) == ["RUNNING"], "the job runs")
        queued = executor.submit(["sleep", "600"])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queued, 0.1)
        await asyncio.to_thread(wait_until, lambda: states(client) == ["RUNNING", "FINISHED"], "the other one is cancelled")
        gate.open()
        first_again = asyncio.shield(first)
        assert (await first_again).stdout == "a\n"
        held = Gate(tmp_path / "second")
        dropped = executor.submit(held.argv)
        await asyncio.to_thread(wait_until, lambda: states(client)[-1] == "RUNNING", "the job runs")
        dropped.cancel()
        held.open()
        failing = executor.submit(["sh", "-c", "exit 3"], check=True)
        with pytest.raises(JobFailed):
            await failing
    outcomes = [info.outcome.sentence for info in client.list(all=True) if info.outcome is not None]
    assert outcomes[0] == "exited with status 0"
    assert "before it started" in outcomes[1]
    assert outcomes[2:] == ["exited with status 0", "exited with status 3"]


async def test_a_map_of_a_loop_is_in_order_and_cancels_the_rest_when_it_ends_early(context: Context, client: Client, gate: Gate) -> None:
    async with AsyncClient(context) as loop_client, AsyncJobExecutor(loop_client, max_workers=1) as executor:
        argvs = [["sh", "-c", "sleep 0.2; echo a"], ["echo", "b"]]
        assert [done.stdout async for done in executor.map(argvs, timeout="1m")] == [b"a\n", b"b\n"]
        rest = executor.map([gate.argv, ["sleep", "600"], ["sleep", "600"]], timeout=0.2)
        with pytest.raises(TimeoutError):
            await anext(rest)
        await asyncio.to_thread(wait_until, lambda: states(client)[3:] == ["FINISHED"] * 2, "the rest is cancelled")
        gate.open()
    ends = [info.outcome.sentence for info in client.list(all=True) if info.outcome is not None]
    assert [end for end in ends if "before it started" in end] == ends[3:]
    assert len(ends) == 5


async def test_a_map_of_a_loop_that_stood_still_returns_all_that_ended_in_time(own_context: Context, gate: Gate) -> None:
    limit, number = 5, 16

    def stand_still(until: float) -> None:
        """Until all have ended, and the time is over."""
        gate.open()
        with Client(own_context) as looking:
            wait_until(lambda: states(looking) == ["FINISHED"] * number, "all have ended")
        time.sleep(max(0.0, until - time.monotonic()))

    async def submitted() -> None:
        while len([info async for info in connected.list()]) < number:  # noqa: ASYNC110 -- they are submitted by another task
            await asyncio.sleep(0.05)

    async with AsyncClient(own_context) as connected, AsyncJobExecutor(connected) as executor:
        await connected.status()
        results = executor.map([gate.argv] * number, timeout=limit)
        until = time.monotonic() + limit + 0.5
        all_there = asyncio.ensure_future(submitted())
        all_there.add_done_callback(lambda _: stand_still(until))
        assert [result.stdout async for result in results] == [b"a\n"] * number
        await all_there


def test_a_job_is_cancelled_only_if_it_is_queued(client: Client) -> None:
    running = client.submit(["sleep", "600"])
    jobs = [client.submit(["sleep", "600"]) for _ in range(10)]
    wait_until(lambda: running.poll() is None and running.pid, "the job runs")
    assert not running.cancel()
    assert jobs[-1].cancel()
    assert jobs[-1].outcome is not None
    assert running.poll() is None
    client.stop([running, *jobs], grace=0)


async def test_many_jobs_are_awaited_while_the_worker_is_killed_and_restarted(own_context: Context, worker: Worker) -> None:
    async with AsyncClient(own_context, notice=lambda _: None) as client:
        jobs = await client.submit_many([["sh", "-c", f"sleep 0.{n % 10}; echo {n}"] for n in range(40)])
        waits = [asyncio.ensure_future(job.result()) for job in jobs]
        runs = [asyncio.ensure_future(client.run(["sh", "-c", "sleep 1; echo run"])) for _ in range(5)]
        first = await anext(client.as_completed(jobs))
        assert first.returncode == 0
        await asyncio.to_thread(worker.kill)
        await asyncio.to_thread(worker.start)
        assert [done.stdout for done in await asyncio.gather(*waits)] == [f"{n}\n".encode() for n in range(40)]
        assert {done.stdout for done in await asyncio.gather(*runs)} == {b"run\n"}


async def test_cancelled_runs_leave_no_job(context: Context) -> None:
    async with AsyncClient(context) as client:
        runs = [asyncio.ensure_future(client.run(["sleep", "600"])) for _ in range(30)]
        began = time.monotonic()
        while len([info async for info in client.list()]) < 30:
            assert time.monotonic() - began < SECONDS
        for run in runs:
            run.cancel()
        await asyncio.wait(runs)
        await client.wait([await client.job(info.id) async for info in client.list()])
        assert {info.outcome.kind.name async for info in client.list(all=True) if info.outcome is not None} <= {"CANCELLED", "SIGNALED"}


def test_the_future_knows_the_id_of_its_job(context: Context, client: Client) -> None:
    with JobExecutor(context) as executor:
        future = executor.submit(["sleep", "600"])
        assert isinstance(future, JobFuture)
        wait_until(future.running, "the job runs")
        client.job(future.job_id).stop(grace=0)
        assert future.result(SECONDS).returncode == -9


# Of two: 2 % of a core, two ticks of whose clock would be one each.
_NOTHING_SECONDS = 0.04


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("watch", [True, False], ids=["by their start", "by events"])
async def test_a_thousand_watched_jobs_cost_nothing_while_nothing_happens(context: Context, shared_worker: Worker, watch: bool) -> None:  # noqa: FBT001
    assert shared_worker.process is not None
    async with AsyncClient(context) as client:
        # In one piece each: what is staged is not watched.
        jobs = [job for _ in range(4) for job in await client.submit_many([["sleep", "600"]] * 250, watch=watch)]
        waits = [asyncio.ensure_future(job.wait()) for job in jobs]
        while await jobs[0].poll() is None and jobs[0].pid is None:  # noqa: ASYNC110 -- it starts in another process
            await asyncio.sleep(0.01)
        # What the submission left to do is done when the worker answers last.
        for _ in range(10):
            await client.hello()
            await jobs[-1].poll()
        for _ in range(5):
            before = time.process_time(), cpu_seconds(shared_worker.process.pid)
            await asyncio.sleep(2)
            used = time.process_time() - before[0] + cpu_seconds(shared_worker.process.pid) - before[1]
            # On a busy machine, something of that may have been left all the same, and a little costs more.
            if used <= _NOTHING_SECONDS:
                break
        await client.stop(jobs, grace=0)
        assert {*await asyncio.gather(*waits)} <= {-9, -15}
    assert used <= _NOTHING_SECONDS
