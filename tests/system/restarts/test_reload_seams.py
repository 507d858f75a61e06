"""A reload while much is open, or at a bad moment: jobs wait, a log is followed, an end is waited for, a start is being recorded."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import Worker, wait_until

from jobwire.schemas.jobs.states import EventKind

QUEUED = 50
SECONDS = 60


def reloads(worker: Worker) -> int:
    count: int = worker.described()["reloads"]["count"]
    return count


def test_jobs_that_wait_followers_and_waiters_notice_nothing(worker: Worker, tmp_path: Path) -> None:
    gate, ledger = tmp_path / "gate", tmp_path / "ledger"
    os.mkfifo(gate)
    got: list[bytes] = []
    ends: list[int] = []

    def follow(job_id: str) -> None:
        with worker.client() as client:
            got.append(client.job(job_id).output("stdout").read())

    def wait(job_id: str) -> None:
        with worker.client() as client:
            ends.append(client.job(job_id).wait(SECONDS))

    with worker.client() as client, client.events() as events:
        script = f"i=0; while read _; do i=$((i+1)); seq $((i*100000)) $((i*100000+20000)); done < {gate}; exit 7"
        writer = client.submit(["sh", "-c", script])
        feed = os.open(gate, os.O_WRONLY)
        blockers = [client.submit(["sleep", "600"]) for _ in range(worker.slots - 1)]
        waiting = [client.submit(["sh", "-c", f"echo {number} >> {ledger}; exit {number}"]) for number in range(QUEUED)]
        threads = [threading.Thread(target=one, args=(writer.id,)) for one in (follow, wait, wait)]
        for thread in threads:
            thread.start()
        for turn in range(3):
            os.write(feed, b"\n")
            worker.command("reload")
            assert reloads(worker) == turn + 1
            assert not ledger.exists()
        assert sum(info.state.name == "QUEUED" for info in client.list()) == QUEUED
        for blocker in blockers[:2]:
            blocker.stop_soon(grace=0)
        # From here on jobs start and end all the time.
        worker.command("reload")
        os.close(feed)
        assert [job.wait(SECONDS) for job in waiting] == list(range(QUEUED))
        for thread in threads:
            thread.join(SECONDS)
        expected = b"".join(b"%d\n" % number for i in (1, 2, 3) for number in range(i * 100_000, i * 100_000 + 20_001))
        assert got == [expected]
        assert ends == [7, 7]
        assert sorted(map(int, ledger.read_text().split())) == list(range(QUEUED))
        told: Counter[tuple[str, EventKind]] = Counter()
        seqs: list[int] = []
        while sum(kind is EventKind.FINISHED for _, kind in told) < QUEUED + 3:
            event = next(events)
            told[event.id, event.kind] += 1
            seqs.append(event.cursor.seq)
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        for job in waiting:
            assert [told[job.id, kind] for kind in (EventKind.QUEUED, EventKind.STARTED, EventKind.FINISHED)] == [1, 1, 1]
        blockers[2].stop(grace=0)
    assert "Traceback" not in worker.logged()


@pytest.fixture
def faulty(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Worker]:
    """Return a worker that will be suspended once, at a fault point."""
    spent = tmp_path / "spent"
    spent.mkdir()
    with Worker(tmp_path, env={"JOBWIRE_FAULT": f"{request.param}:stop", "JOBWIRE_FAULT_SPENT": str(spent)}) as made:
        yield made
        if made.process is not None and made.process.poll() is None:
            made.process.send_signal(signal.SIGCONT)


def stands_still(worker: Worker) -> bool:
    assert worker.process is not None
    return Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.mark.parametrize("faulty", ["during-recovery"], indirect=True)
def test_signals_that_arrive_during_recovery_are_handled_after_it(faulty: Worker) -> None:
    starting = threading.Thread(target=faulty.start)
    starting.start()
    wait_until(lambda: faulty.process is not None and stands_still(faulty), "it recovers")
    assert faulty.process is not None
    for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGCONT):
        faulty.process.send_signal(number)
    starting.join(SECONDS)
    wait_until(lambda: reloads(faulty) == 1, "it reloads")
    with faulty.client() as client:
        assert client.run(["echo", "still"]).stdout == b"still\n"


@pytest.mark.parametrize("faulty", ["in-group-commit:2", "after-commit-before-reply", "after-intent-before-start"], indirect=True)
def test_a_start_that_is_being_recorded_when_the_signal_comes_happens_once(faulty: Worker, tmp_path: Path) -> None:
    faulty.start()
    ledger = tmp_path / "ledger"
    ends: list[int] = []

    def run() -> None:
        with faulty.client() as client:
            ends.append(client.run(["sh", "-c", f"echo ran >> {ledger}; exit 7"]).returncode)

    running = threading.Thread(target=run)
    running.start()
    wait_until(lambda: stands_still(faulty), "the start is being recorded")
    assert faulty.process is not None
    for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGCONT):
        faulty.process.send_signal(number)
    wait_until(lambda: reloads(faulty) >= 1, "it reloads")
    running.join(SECONDS)
    assert ends == [7]
    assert ledger.read_text() == "ran\n"
