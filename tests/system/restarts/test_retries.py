"""Jobs that are tried again, with real processes: each daemon is killed between two attempts, and nothing is left of a forgotten job."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from daemons import Worker, wait_until

from jobwire.client.library.client import Client
from jobwire.client.library.job import Job
from jobwire.client.library.options.retry import Retry
from jobwire.schemas.jobs.states import EventKind, OutcomeKind, State

# Each attempt leaves its mark, takes something with it, and fails; the one that finds the gate open does not.
SCRIPT = 'echo attempt >> "$LEDGER"; echo "out of $(wc -l < "$LEDGER")"; echo err >&2; test -e "$GATE" || exit 6'


def submit(client: Client, folder: Path, retry: Retry, **options: object) -> Job:
    environment = {"LEDGER": str(folder / "ledger"), "GATE": str(folder / "gate")}
    return client.submit(["sh", "-c", SCRIPT], env=environment, retry=retry, **options)  # type: ignore[arg-type] # reason: of job_spec


def waits_for(client: Client, job: Job, attempt: int) -> bool:
    info = client.info(job.id)
    return (info.state, info.attempt) == (State.QUEUED, attempt)


def test_the_attempts_of_a_job_go_on_whatever_is_killed_between_them(worker: Worker, tmp_path: Path) -> None:
    with worker.client() as client:
        job = submit(client, tmp_path, Retry(3, delay=6))
        wait_until(lambda: waits_for(client, job, 2), "the first attempt fails")
        worker.kill()
        worker.start()
        wait_until(lambda: waits_for(client, job, 3), "so does the second")
        before = worker.described()["supervisor_pid"]
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: worker.described()["supervisor_pid"] != before, "the worker meets the next supervisor")
        os.kill(worker.described()["keeper_pid"], signal.SIGKILL)
        wait_until(lambda: waits_for(client, job, 4), "and the third")
        (tmp_path / "gate").touch()
        assert job.result(timeout=60).stdout == b"out of 4\n"
        info = job.info()
        assert [one.outcome.exit_status for one in info.attempts if one.outcome is not None] == [6, 6, 6, 0]
        assert (tmp_path / "ledger").read_text() == "attempt\n" * 4
        # Each has its own log, and names the job.
        assert [job.output("stdout", attempt=number).read() for number in (1, 2, 3, 4)] == [b"out of %d\n" % n for n in (1, 2, 3, 4)]
        assert client.info(str(info.attempts[1].process)).id == job.id
        assert job.stdout.read() == b"out of 1\nout of 2\nout of 3\nout of 4\n"
        kinds = [event.kind for event, _ in zip(client.events("start", jobs=[job]), range(8), strict=False)]
        assert kinds == [EventKind.QUEUED, *(EventKind.STARTED, EventKind.RETRYING) * 3, EventKind.STARTED]
        forgotten = job.forget()
        assert forgotten.log_bytes == 4 * len(b"out of 1\nerr\n")
        wait_until(lambda: not list(worker.logs.iterdir()), "the logs of all attempts are removed")


def test_a_stop_ends_a_job_that_waits_for_its_next_attempt_and_a_rebuilt_store_tries_nothing_again(worker: Worker, tmp_path: Path) -> None:
    with worker.client() as client:
        stopped = submit(client, tmp_path, Retry(3, delay=3600))
        wait_until(lambda: waits_for(client, stopped, 2), "it waits")
        assert stopped.stop().outcome.kind is OutcomeKind.CANCELLED
        waiting = submit(client, tmp_path, Retry(3, delay=3600), name="waiting")
        wait_until(lambda: waits_for(client, waiting, 2), "it waits")
        running = client.submit(["sleep", "600"], retry=5, name="running")
        wait_until(lambda: client.info("running").pid, "it runs")
    worker.kill()
    worker.command("rebuild", "--force")
    worker.start()
    with worker.client() as client:
        # What was running is running; when it fails, that is its end.
        client.job(running.id).send_signal(signal.SIGKILL)
        assert client.job(running.id).wait(timeout=60) == -signal.SIGKILL
        info = client.info(waiting.id)
        assert (info.state, info.attempt) == (State.FINISHED, 1)
        assert info.outcome is not None
        assert info.outcome.exit_status == 6
    assert (tmp_path / "ledger").read_text() == "attempt\n" * 2


def test_no_job_behind_it_starts_between_two_attempts_of_a_job(worker: Worker, tmp_path: Path) -> None:
    def turns(name: str, status: int) -> list[str]:
        return ["sh", "-c", f'echo {name} >> "{tmp_path / "turns"}"; exit {status}']

    with worker.client() as client:
        running = client.submit(["sleep", "600"], only_one="printer")
        # The first in the order of submission, one of a higher priority, and one that never fails.
        for name, status, options in (("plain", 1, {"retry": 2}), ("urgent", 1, {"retry": 3, "priority": 1}), ("patient", 0, {})):
            client.submit(turns(name, status), name=name, only_one="printer", **options)  # type: ignore[arg-type] # reason: of job_spec
        running.stop()
        assert client.job("patient").result(timeout=60).returncode == 0
    assert (tmp_path / "turns").read_text().split() == ["urgent"] * 4 + ["plain"] * 3 + ["patient"]
