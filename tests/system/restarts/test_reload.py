"""Worker, supervisor and keeper execute the version that is installed now, while jobs run, write and end."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
from pathlib import Path

import pytest
from daemons import Worker, at_rest, wait_until
from processes import descriptors

from jobwire.schemas.jobs.states import EventKind

# Reads two lines of its gate, each opened without polling, and writes a lot before, between and after them.
WRITER = (
    'echo started >> "$LEDGER"; yes "$N" | head -c "$SIZE"; read _ < "$GATE"; yes "$N" | head -c "$SIZE";'
    ' read _ < "$GATE"; yes "$N" | head -c "$SIZE"; echo ended >> "$LEDGER"; exit "$N"'
)


def written(number: int, size: int) -> bytes:
    return 3 * (b"%d\n" % number * size)[:size]


def pids(worker: Worker) -> tuple[int, int, int]:
    told = worker.described()
    return told["pid"], told["supervisor_pid"], told["keeper_pid"]


@pytest.mark.parametrize("size", [700_000, pytest.param(7_000_000, marks=pytest.mark.soak)])
def test_jobs_that_write_and_end_meanwhile_lose_nothing(tmp_path: Path, size: int) -> None:
    count = 20
    with Worker(tmp_path, slots=count).start() as worker:
        with worker.client() as client, client.events() as events:
            jobs = {}
            for number in range(1, count + 1):
                gate, ledger = tmp_path / f"gate-{number}", tmp_path / f"ledger-{number}"
                os.mkfifo(gate)
                environment = {"GATE": str(gate), "LEDGER": str(ledger), "N": str(number), "SIZE": str(size)}
                jobs[number] = client.submit(["sh", "-c", WRITER], env=environment)
            wait_until(lambda: all((tmp_path / f"ledger-{number}").exists() for number in jobs), "all run")
            before = pids(worker)
            worker.command("reload")
            after = pids(worker)
            assert (after[0], after[2]) == (before[0], before[2])
            assert after[1] != before[1]
            gates = [os.open(tmp_path / f"gate-{number}", os.O_RDWR) for number in jobs]
            for gate in gates:
                os.write(gate, b"go\n")
            worker.command("reload")
            for gate in gates:
                os.write(gate, b"go\n")
            worker.command("reload")
            for number, job in jobs.items():
                result = job.result(60)
                assert result.returncode == number
                assert hashlib.sha256(result.stdout).digest() == hashlib.sha256(written(number, size)).digest()
                assert (tmp_path / f"ledger-{number}").read_text() == "started\nended\n"
            for gate in gates:
                os.close(gate)
            heard: dict[str, list[EventKind]] = {}
            while sum(EventKind.FINISHED in kinds for kinds in heard.values()) < count:
                event = next(events)
                heard.setdefault(event.id, []).append(event.kind)
            wanted = [EventKind.QUEUED, EventKind.STARTED, EventKind.FINISHED]
            assert all([kind for kind in kinds if kind is not EventKind.ADOPTED] == wanted for kinds in heard.values())
            assert any(EventKind.ADOPTED in kinds for kinds in heard.values())
        assert (pids(worker)[0], pids(worker)[2]) == (before[0], before[2])
        assert worker.described()["reloads"] == {"count": 3, "problem": "", "note": ""}
        assert "Traceback" not in worker.logged()


def test_reloads_leak_no_descriptor_and_keep_the_endpoints(worker: Worker) -> None:
    with worker.client() as client:
        job = client.submit(["sleep", "60"])
        wait_until(lambda: client.job(job.id).info().pid, "it runs")
    before = worker.described()
    worker.command("reload")
    worker_pid, _, keeper_pid = pids(worker)
    fds = at_rest(lambda: (descriptors(worker_pid), descriptors(keeper_pid)))
    for _ in range(3):
        worker.command("reload")
    told = worker.described()
    wait_until(lambda: (descriptors(worker_pid), descriptors(keeper_pid)) == fds, "no more descriptors than after the first")
    assert b"main('.'" in Path(f"/proc/{keeper_pid}/cmdline").read_bytes()
    for name in ("endpoint", "event_endpoint", "pid"):
        assert told[name] == before[name]
    assert Path(f"/proc/{told['supervisor_pid']}/status").read_text().count(f"PPid:\t{keeper_pid}\n") == 1
    with worker.client() as client:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert client.run(["sh", "-c", "echo still; ulimit -n"]).stdout == b"still\n%d\n" % soft
        client.job(job.id).stop(grace=0)
    # Nothing is wrong.
    assert "lost the connection to the supervisor" not in worker.logged()
    assert worker.logged().count("the supervisor exited for a reload; its jobs continue") == 4


def test_signals_in_a_row_are_one_reload_after_the_other_and_a_stop_ends_it(worker: Worker) -> None:
    assert worker.process is not None
    with worker.client() as client:
        job = client.submit(["sh", "-c", "sleep 1; exit 3"])
        for _ in range(5):
            worker.process.send_signal(signal.SIGHUP)
        assert job.wait(60) == 3
    wait_until(lambda: worker.described()["reloads"]["count"], "it reloads")
    worker.process.send_signal(signal.SIGHUP)
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(60) == 0
    worker.start()


def test_a_lost_keeper_leaves_the_supervisor_as_it_is_and_says_so(worker: Worker) -> None:
    with worker.client() as client:
        job = client.submit(["sleep", "60"])
        wait_until(lambda: client.job(job.id).info().pid, "it runs")
        _, supervisor, keeper = pids(worker)
        os.kill(keeper, signal.SIGKILL)
        wait_until(lambda: "keeper" in (worker.state / "supervisor.log").read_text(), "the supervisor notices")
        worker.kill()
        worker.start()
        assert "the keeper was killed, so the supervisor is not replaced until no job is running" in worker.command("reload").stderr
        assert pids(worker)[1] == supervisor
        client.job(job.id).stop(grace=0)


def test_an_installation_that_does_not_start_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    # Stands for what was installed since: Python runs it before anything of ours, and it answers in our place.
    with Worker(tmp_path, env={"PYTHONPATH": str(tmp_path / "installed")}).start() as worker:
        (tmp_path / "installed").mkdir()
        (tmp_path / "installed" / "sitecustomize.py").write_text(
            "import sys\nif sys.orig_argv[-1] == 'probe':\n    raise SystemExit('no module of this name')\n"
        )
        before = pids(worker)
        said = worker.command("reload", status=1).stderr
        assert "cannot take over: it does not start: SystemExit: no module of this name; install another version" in said
        assert pids(worker) == before
        with worker.client() as client:
            assert client.run(["echo", "still"]).stdout == b"still\n"
        (tmp_path / "installed" / "sitecustomize.py").unlink()
        worker.command("reload")
        assert pids(worker)[1] != before[1]
