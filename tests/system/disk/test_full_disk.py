"""A full disk: jobs wait and lose nothing, their ends are known, and everything continues when there is space."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from small_disks import Mount, fill, serving

from jobwire.client.library.events import EventStream
from jobwire.schemas.jobs.states import EventKind, OutcomeKind, State
from jobwire.schemas.refusal import Refused

MEGABYTE = 1 << 20
WAITING = "its output waits until its log can be written: the worker's disk is full or read-only, or the log cannot be opened"


@pytest.fixture
def small_logs(tmp_path: Path, mount: Mount) -> Iterator[Worker]:
    """Return a worker whose logs have a disk of four megabytes of their own."""
    mount(tmp_path / "state" / "logs", 4)
    yield from serving(tmp_path)


@pytest.fixture
def small_state(tmp_path: Path, mount: Mount) -> Iterator[Worker]:
    """Return a worker with one small disk for everything, large enough for the space that is reserved for ends."""
    mount(tmp_path / "state", 136)
    yield from serving(tmp_path)


def write_megabytes(megabytes: int, status: int) -> list[str]:
    script = f"import os\nfor number in range({megabytes} * 16): os.write(1, (b'%015d\\n' % number) * 4096)\nos._exit({status})"
    return [sys.executable, "-S", "-c", script]


def megabytes_of(megabytes: int) -> bytes:
    return b"".join((b"%015d\n" % number) * 4096 for number in range(megabytes * 16))


def test_a_writer_waits_for_disk_space_and_loses_nothing(small_logs: Worker) -> None:
    filler = fill(small_logs.logs)
    filler.write_bytes(bytes(MEGABYTE))
    with small_logs.client() as client:
        job = client.submit(write_megabytes(3, 7))
        wait_until(lambda: job.read_range("stdout", 0, 0)[1] >= 2 * MEGABYTE + MEGABYTE // 2, "the disk is full")
        wait_until(lambda: job.info().waits_for == WAITING, "it says so")
        small_logs.kill_supervisor()
        wait_until(lambda: job.info().waits_for == WAITING, "it says so again")
        filler.unlink()
        result = job.result(timeout=60)
        assert (result.returncode, result.outcome.stdout_bytes) == (7, 3 * MEGABYTE)
        assert result.stdout == megabytes_of(3)


def test_ends_are_reported_and_starts_wait_while_the_disk_of_the_logs_is_full(small_logs: Worker) -> None:
    with small_logs.client() as client:
        gate = small_logs.folder / "gate"
        os.mkfifo(gate)
        silent = client.submit(["sh", "-c", f"read x < {gate}; exit 3"])
        loud = client.submit(["sh", "-c", "echo begin; exec cat /dev/zero"])
        wait_until(lambda: silent.info().pid and loud.info().pid, "both run")
        filler = fill(small_logs.logs)
        gate.write_bytes(b"go\n")
        assert silent.wait(timeout=60) == 3
        stopped = loud.stop(grace=0, timeout=60)
        assert stopped.outcome.kind is OutcomeKind.SIGNALED
        assert "the disk of its logs is full" in stopped.outcome.sentence
        assert not outcome_of(small_logs, silent.pid)
        waiting, cancelled = client.submit(["echo", "at last"]), client.submit(["true"])
        wait_until(lambda: waiting.info().waits_for == "the disk of its logs is full or read-only", "its start is delayed")
        assert waiting.info().state is State.QUEUED
        assert cancelled.stop(timeout=60).outcome.kind is OutcomeKind.CANCELLED
        filler.unlink()
        (folder_of(small_logs, loud.pid) / "stdout").write_bytes(b"")
        assert waiting.result(timeout=60).stdout == b"at last\n"
        wait_until(lambda: outcome_of(small_logs, silent.pid), "the outcome is written")


def test_an_end_that_was_reported_is_recorded_by_the_next_supervisor(small_logs: Worker) -> None:
    with small_logs.client() as client:
        gate = small_logs.folder / "gate"
        os.mkfifo(gate)
        job = client.submit(["sh", "-c", f"read x < {gate}; exit 3"])
        wait_until(lambda: job.info().pid, "it runs")
        filler = fill(small_logs.logs)
        gate.write_bytes(b"go\n")
        assert job.wait(timeout=60) == 3
        small_logs.kill_supervisor()
        filler.unlink()
        assert b'"exit_status":3' in wait_until(lambda: outcome_of(small_logs, job.pid), "the outcome is written")
        assert job.read_range("stdout", 0, 10) == (b"", 0)


def test_everything_continues_after_a_full_disk(small_state: Worker) -> None:
    with small_state.client() as client, client.events(timeout=60) as events:
        gates = [small_state.folder / f"gate-{number}" for number in (1, 2)]
        for gate in gates:
            os.mkfifo(gate)
        jobs = [
            client.submit(["sh", "-c", f'read x < {gate}; exec "$@"', "sh", *write_megabytes(6, status)])
            for status, gate in enumerate(gates, 1)
        ]
        silent = client.submit(["sleep", "60"])
        # Reported, so it is recorded: a write that is still pending would use the reserved space.
        hear(events, EventKind.STARTED, 3)
        filler = fill(small_state.state)
        for gate in gates:
            gate.write_bytes(b"go\n")
        wait_until(lambda: all(job.info().waits_for == WAITING for job in jobs), "the disk is full")
        kill_supervisor_unseen(small_state)
        hear(events, EventKind.ADOPTED, 3)
        # A stopped job ends: that is recorded in the reserved space.
        assert silent.stop(timeout=60).returncode == -signal.SIGTERM
        assert [job.info().state for job in jobs] == [State.RUNNING] * 2
        filler.unlink()
        for status, job in enumerate(jobs, 1):
            result = job.result(timeout=60)
            assert (result.returncode, result.stdout) == (status, megabytes_of(6))
        assert client.run(["echo", "on"], timeout=60).stdout == b"on\n"


def hear(events: EventStream, kind: EventKind, count: int) -> None:
    """Wait until there were this many events of a kind."""
    while count:
        count -= next(events).kind is kind


def folder_of(worker: Worker, pid: int | None) -> Path:
    (found,) = worker.logs.glob(f"{pid}_*")
    return found


def outcome_of(worker: Worker, pid: int | None) -> bytes:
    try:
        return (folder_of(worker, pid) / "outcome").read_bytes()
    except OSError:
        return b""


def kill_supervisor_unseen(worker: Worker) -> None:
    """Kill it while the disk is full, so that the worker cannot record the next one."""
    os.kill(worker.described()["supervisor_pid"], signal.SIGKILL)


def fill_with_files(folder: Path) -> list[Path]:
    made = []
    with contextlib.suppress(OSError):
        while True:
            path = folder / f"file{len(made)}"
            path.touch()
            made.append(path)
    assert made
    return made


@pytest.fixture
def few_logs(tmp_path: Path, mount: Mount) -> Iterator[Worker]:
    """Return a worker whose logs have a disk with few inodes."""
    mount(tmp_path / "state" / "logs", 64, ",nr_inodes=200")
    yield from serving(tmp_path)


@pytest.fixture
def few_files(tmp_path: Path, mount: Mount) -> Iterator[Worker]:
    """Return a worker with a disk with few inodes for everything."""
    mount(tmp_path / "state", 256, ",nr_inodes=300")
    yield from serving(tmp_path, "1M")


def test_missing_inodes_are_reported_as_such_and_jobs_wait_for_them(few_logs: Worker) -> None:
    with few_logs.client() as client:
        client.run(["true"])
        made = fill_with_files(few_logs.logs)
        job = client.submit(["true"])
        waits = wait_until(lambda: job.info().waits_for, "it waits for room")
        assert "no free inodes" in waits
        for path in made:
            path.unlink()
        assert job.wait(60) == 0


def test_a_start_is_refused_if_inodes_are_short_and_says_that_bytes_are_free(few_files: Worker) -> None:
    with few_files.client() as client:
        client.run(["true"])
        made = fill_with_files(few_files.state)

        def refusal() -> str:
            try:
                client.submit(["true"])
            except Refused as refused:
                return str(refused)
            return ""

        # The disk is checked ten times per second.
        said = wait_until(refusal, "a start is refused")
        assert re.search(r"fewer than 100 free inodes, although .* free", said), said
        for path in made:
            path.unlink()
        assert client.run(["true"]).returncode == 0


def test_a_worker_that_waits_for_a_full_disk_before_it_is_ready_exits_when_told(small_state: Worker) -> None:
    gate = small_state.folder / "gate"
    os.mkfifo(gate)
    with small_state.client() as client:
        job = client.submit(["sh", "-c", f"read _ < {gate}; exit 7"]).id
        wait_until(lambda: client.job(job).info().state is State.RUNNING, "the job runs")
    small_state.kill()
    gate.write_bytes(b"go\n")
    wait_until(lambda: list(small_state.logs.glob("*/outcome")), "the supervisor has written how it ended")
    (small_state.state / "ballast").unlink()
    filler = fill(small_state.state)
    ready = small_state.begin()
    wait_until(lambda: "a commit failed" in small_state.log.read_text(), "the end of the job cannot be recorded")
    assert small_state.process is not None
    assert small_state.process.poll() is None
    small_state.process.terminate()
    try:
        assert small_state.process.wait(60) == 0
    finally:
        small_state.kill()
    assert not os.read(ready, 1), "it said that it was ready"
    os.close(ready)
    filler.unlink()
    with small_state.start().client() as client:
        assert client.job(job).result(timeout=60).returncode == 7


@pytest.mark.parametrize(("number", "what"), [(signal.SIGTERM, "state.db cannot be read or written"), (signal.SIGKILL, "worker.json")])
def test_a_worker_that_cannot_start_because_inodes_are_used_up_says_so(
    tmp_path: Path, mount: Mount, number: signal.Signals, what: str
) -> None:
    mount(tmp_path / "state", 136, ",nr_inodes=300")
    for worker in serving(tmp_path):
        worker.kill(number)
        names = tmp_path / "state" / "names"
        names.mkdir()
        with contextlib.suppress(OSError):
            for name in range(300):
                (names / str(name)).touch()
        said = worker.refusal()
        assert what in said
        assert "its inodes are used up" in said
        shutil.rmtree(names)
        worker.start()


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_a_worker_comes_back_while_its_disk_is_full(small_state: Worker, how: str) -> None:
    worker = small_state
    with worker.client() as client:
        job = client.submit(["sh", "-c", "read _ < /dev/stdin; exit 7"], input=b"x\n")
        assert job.wait() == 7
    assert worker.process is not None
    pid, filler = worker.process.pid, fill(worker.state)
    if how == "reload":
        worker.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the supervisor exited for a reload" in worker.logged() and worker.logged().count(" ready: ") == 2, "it is back")
        assert worker.process.poll() is None
    else:
        worker.kill(signal.SIGTERM)
        worker.start()
    with worker.client() as client:
        assert client.job(job.id).info().outcome.exit_status == 7
        # What is reserved for ends is used now; as soon as there is space, all is as before.
        filler.unlink()
        assert client.run(["true"]).returncode == 0
    wait_until(lambda: worker.described()["reloads"]["count"] == (how == "reload"), "the description is up to date")
    assert (worker.described()["pid"] == pid) == (how == "reload")
