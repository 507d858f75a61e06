"""Jobs, output and exit statuses survive the end of each daemon. The expected results are in files that the jobs write themselves."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from processes import is_alive

from jobwire.broker.engine import Launch
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.state.log_folders import folders, new_folders, outcomes

# Waits for the gate without polling (opening a FIFO blocks), then writes, and ends with a status of its own.
SCRIPT = 'echo started >> "$LEDGER"; read _ < "$GATE"; echo "line of $N"; echo "error of $N" >&2; echo ended >> "$LEDGER"; exit "$N"'


class Jobs:
    """A few jobs that wait at a gate each, and the ledger that they keep."""

    def __init__(self, worker: Worker, folder: Path, count: int) -> None:
        self.worker = worker
        self.folder = folder
        self.numbers = range(1, count + 1)
        self.ids: dict[int, str] = {}
        with worker.client() as client:
            for number in self.numbers:
                os.mkfifo(self.gate(number))
                environment = {"GATE": str(self.gate(number)), "LEDGER": str(self.ledger(number)), "N": str(number)}
                self.ids[number] = str(client.submit(["sh", "-c", SCRIPT], env=environment).id)
        for number in self.numbers:
            wait_until(self.ledger(number).exists, f"job {number} starts")

    def gate(self, number: int) -> Path:
        return self.folder / f"gate-{number}"

    def ledger(self, number: int) -> Path:
        return self.folder / f"ledger-{number}"

    def open_gates(self, *numbers: int) -> None:
        for number in numbers:
            self.gate(number).write_bytes(b"go\n")

    def check(self) -> None:
        """Every job ran once, and its status and every byte are known."""
        with self.worker.client() as client:
            for number, job_id in self.ids.items():
                result = client.job(job_id).result(timeout=60)
                assert result.returncode == number
                assert result.stdout == f"line of {number}\n".encode()
                assert result.stderr == f"error of {number}\n".encode()
                assert self.ledger(number).read_text() == "started\nended\n"
        assert all(path.name.count("_") == 2 for path in self.worker.logs.iterdir() if not path.name.startswith("0_"))


@pytest.fixture
def jobs(worker: Worker, tmp_path: Path) -> Jobs:
    return Jobs(worker, tmp_path, 4)


def test_jobs_outlive_a_killed_worker(worker: Worker, jobs: Jobs) -> None:
    jobs.open_gates(1)
    worker.kill()
    jobs.open_gates(2, 3)
    wait_until(lambda: all(jobs.ledger(number).read_text().endswith("ended\n") for number in (1, 2, 3)), "they end alone")
    worker.start()
    jobs.open_gates(4)
    jobs.check()


def test_jobs_outlive_a_killed_supervisor(worker: Worker, jobs: Jobs) -> None:
    before = worker.described()["supervisor_pid"]
    jobs.open_gates(1)
    os.kill(before, signal.SIGKILL)
    jobs.open_gates(2, 3)
    wait_until(lambda: worker.described()["supervisor_pid"] != before, "the worker meets the next supervisor")
    jobs.open_gates(4)
    jobs.check()


def test_jobs_outlive_a_killed_keeper(worker: Worker, jobs: Jobs) -> None:
    os.kill(worker.described()["keeper_pid"], signal.SIGKILL)
    jobs.open_gates(1, 2, 3, 4)
    jobs.check()


def test_jobs_outlive_worker_and_supervisor_killed_together(worker: Worker, jobs: Jobs) -> None:
    supervisor = worker.described()["supervisor_pid"]
    worker.kill()
    os.kill(supervisor, signal.SIGKILL)
    jobs.open_gates(1, 2)
    worker.start()
    jobs.open_gates(3, 4)
    jobs.check()


def test_jobs_that_continue_when_all_daemons_were_killed_are_adopted(worker: Worker, jobs: Jobs) -> None:
    described = worker.described()
    worker.kill()
    os.kill(described["keeper_pid"], signal.SIGKILL)
    os.kill(described["supervisor_pid"], signal.SIGKILL)
    worker.start()
    with worker.client() as client:
        assert len(list(client.list())) == 4
    jobs.open_gates(1, 2, 3, 4)
    with worker.client() as client:
        for number, job_id in jobs.ids.items():
            result = client.job(job_id).result(timeout=60)
            # The status of a process that is nobody's child is known only where the kernel tells (PIDFD_GET_INFO, Linux 6.15).
            info = client.job(job_id).info()
            assert info.outcome is not None
            assert info.outcome.kind.name == "LOST" or result.returncode == number
            assert result.stdout == f"line of {number}\n".encode()
            assert jobs.ledger(number).read_text() == "started\nended\n"


def test_a_job_that_ended_before_all_daemons_were_killed_is_read_from_its_folder(worker: Worker, jobs: Jobs) -> None:
    described = worker.described()
    worker.kill()
    jobs.open_gates(1, 2, 3, 4)
    wait_until(lambda: len(list(worker.logs.glob("*_*_*/outcome"))) == 4, "their ends are written down")
    os.kill(described["keeper_pid"], signal.SIGKILL)
    os.kill(described["supervisor_pid"], signal.SIGKILL)
    worker.start()
    jobs.check()


def test_queued_jobs_wait_for_the_next_worker_and_start_once(tmp_path: Path) -> None:
    with Worker(tmp_path, slots=1).start() as worker:
        ledger = tmp_path / "ledger"
        with worker.client() as client:
            blocker = client.submit(["sleep", "60"])
            queued = client.submit(["sh", "-c", f"echo ran >> {ledger}"])
            blocker_id, queued_id = str(blocker.id), str(queued.id)
        worker.kill()
        worker.start()
        assert not ledger.exists()
        with worker.client() as client:
            client.job(blocker_id).stop(grace=0)
            assert client.job(queued_id).wait(timeout=60) == 0
        assert ledger.read_text() == "ran\n"


def test_a_stop_ends_everything_that_the_job_started(worker: Worker, tmp_path: Path) -> None:
    """A descendant of its own session that ignores SIGTERM and is nobody's child any more."""
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    script = f"(setsid sh -c 'trap \"\" TERM; echo $$ > {ready}; while :; do sleep 1; done' &) ; sleep 60"
    with worker.client() as client:
        job = client.submit(["sh", "-c", script])
        escaped = int(ready.read_text())
        job.stop(grace=0.2)
        # Its keeper may not have reaped it yet.
        assert not is_alive(escaped)


def test_jobs_that_write_a_hundred_megabytes_while_worker_and_supervisor_are_killed_lose_no_byte(worker: Worker, tmp_path: Path) -> None:
    """They write in portions until all was killed, so that there is always one in the middle of it; SIGPIPE or a failed write would show.

    Each says in a file of its own how many portions it has written.
    """
    script = (
        "import os, sys, time\n"
        "name, over, told = sys.argv[1:]\n"
        "number = 0\n"
        "while number < 100 or not os.path.exists(over):\n"
        "    part = memoryview((b'%s %013d\\n' % (os.fsencode(name), number)) * 62_500)\n"
        "    while part: part = part[os.write(1, part):]\n"
        "    number += 1\n"
        "    time.sleep(0.02)\n"
        "open(told, 'w').write(str(number))\n"
        "os._exit(9)"
    )
    over = tmp_path / "over"
    with worker.client() as client:
        jobs = {name: client.submit([sys.executable, "-S", "-c", script, name, over, tmp_path / name]) for name in "ab"}
        (log,) = wait_until(lambda: list(worker.logs.glob(f"{jobs['a'].info().pid}_*/stdout")), "the first log")
        for megabytes in (5, 40):
            wait_until(lambda megabytes=megabytes: log.stat().st_size > megabytes * 1_000_000, "it has written that much")
            supervisor = worker.described()["supervisor_pid"]
            os.kill(supervisor, signal.SIGKILL)
            wait_until(lambda supervisor=supervisor: worker.described()["supervisor_pid"] != supervisor, "the next supervisor")
            worker.kill()
            worker.start()
        over.touch()
        for name, job in jobs.items():
            result = job.result(timeout=60)
            assert result.returncode == 9
            portions = int((tmp_path / name).read_text())
            assert result.stdout == b"".join(b"%s %013d\n" % (name.encode(), number) * 62_500 for number in range(portions))


def test_an_intent_whose_job_was_cancelled_is_removed_although_the_worker_was_killed_meanwhile(worker: Worker) -> None:
    """The store has its end then, and nobody would ever start it; the folder of an end that could not be given its last name stays."""
    worker.kill()
    intents = []
    for number in (1, 2):
        launch = Launch(AttemptKey(bytes([number]) * 32, bytes(16), 1), JobSpec((b"true",), stdin=b"to read"))
        new_folders.write_intent(str(worker.logs), launch, directory=b"/", grace_ms=1)
        intents.append(Path(folders.intent_path(str(worker.logs), folders.handle(launch.key))))
    left, ended = intents
    outcomes.write_outcome(str(ended), outcomes.outcome_text(outcomes.OutcomeFile("cancelled")))
    worker.start()
    wait_until(lambda: not left.exists(), "it is removed")
    assert ended.exists()
