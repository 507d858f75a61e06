"""A standard input that comes as a stream, while each process on its way is killed, and with producers and jobs of every kind."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from home import Home, command
from processes import is_alive

import jobwire
from jobwire.schemas.jobs.states import OutcomeKind

MIB = 1024 * 1024
# Reads a block, then waits: slower than any producer, and long enough for a kill.
SLOW = """
import hashlib, sys, time
digest = hashlib.md5()
while data := sys.stdin.buffer.read(65536):
    digest.update(data)
    time.sleep(0.005)
print(digest.hexdigest())
"""


def numbers(count: int) -> bytes:
    """Return bytes of which each piece is different."""
    return b"".join(b"%015d\n" % number for number in range(count // 16))


DATA = numbers(12 * MIB)
DIGEST = hashlib.md5(DATA, usedforsecurity=False).hexdigest()


class Run:
    """A `jobwire run` whose standard input is a pipe to this process."""

    def __init__(self, home: Home, *argv: str, stdin: int = subprocess.PIPE) -> None:
        self.process = subprocess.Popen(
            command("run", *argv), stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=home.env, cwd=home.folder
        )
        self._writer: threading.Thread | None = None

    def write(self, data: bytes, *, end: bool = True) -> None:
        """Write all of it from a thread, as fast as it is taken."""

        stdin = self.process.stdin
        assert stdin is not None

        def write() -> None:
            with suppress(BrokenPipeError):
                stdin.write(data)
                stdin.flush()
            if end:
                with suppress(BrokenPipeError):
                    stdin.close()

        self._writer = threading.Thread(target=write)
        self._writer.start()

    def ended(self) -> tuple[int, bytes, bytes]:
        """Wait for the end, and return status and output."""
        # Otherwise it would be closed, and the thread writes to it.
        stdin, self.process.stdin = self.process.stdin, None
        out, err = self.process.communicate(timeout=120)
        if self._writer is not None:
            self._writer.join(120)
        if stdin is not None:
            with suppress(BrokenPipeError):
                stdin.close()
        return self.process.returncode, out, err


def job_of(worker: Worker) -> int:
    """Return the pid of the only running job."""

    def pid() -> int:
        with worker.client() as client:
            return next((job.pid or 0 for job in client.list()), 0)

    return wait_until(pid, "the job runs")


@pytest.fixture
def home(worker: Worker, tmp_path: Path) -> Home:
    made = Home(tmp_path / "home", tmp_path / "bytecode", "admin")
    made.use(worker, worker.admin)
    return made


def fed(worker: Worker, least: int) -> None:
    """Wait until a job has read so much."""
    pid = job_of(worker)

    def has_read() -> bool:
        with suppress(OSError):
            return any(
                int(line.split()[1]) > least for line in Path(f"/proc/{pid}/io").read_text().splitlines() if line.startswith("rchar")
            )
        return False

    wait_until(has_read, "the job has read something")


@pytest.mark.parametrize("who", ["worker", "supervisor", "keeper"])
def test_whichever_process_is_killed_in_the_middle_the_job_reads_every_byte_once(worker: Worker, home: Home, who: str) -> None:
    run = Run(home, "--", sys.executable, "-c", SLOW)
    run.write(DATA)
    fed(worker, MIB)
    if who == "worker":
        worker.kill()
        worker.start()
    elif who == "supervisor":
        worker.kill_supervisor()
    else:
        os.kill(worker.described()["keeper_pid"], signal.SIGKILL)
    status, out, err = run.ended()
    assert (status, out.strip()) == (0, DIGEST.encode()), err


def test_worker_and_supervisor_are_killed_together_and_the_job_reads_every_byte_once(worker: Worker, home: Home) -> None:
    run = Run(home, "--", sys.executable, "-c", SLOW)
    run.write(DATA)
    fed(worker, MIB)
    supervisor = worker.described()["supervisor_pid"]
    worker.kill()
    os.kill(supervisor, signal.SIGKILL)
    worker.start()
    status, out, err = run.ended()
    assert (status, out.strip()) == (0, DIGEST.encode()), err


def test_a_reload_in_the_middle_loses_no_byte(worker: Worker, home: Home) -> None:
    run = Run(home, "--", sys.executable, "-c", SLOW)
    run.write(DATA)
    fed(worker, MIB)
    worker.command("reload")
    status, out, err = run.ended()
    assert (status, out.strip()) == (0, DIGEST.encode()), err


def test_the_end_of_the_input_outlives_all_but_the_keeper(worker: Worker, home: Home, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    run = Run(home, "--", "sh", "-c", f"read x < {gate}; exec md5sum")
    run.write(DATA[: 3 * MIB])
    job = job_of(worker)
    assert run._writer is not None
    run._writer.join(60)
    # All of it has arrived, and most of it waits in memory.
    wait_until(lambda: Path(f"/proc/{run.process.pid}/fd/0").samefile("/dev/null"), "the command has let go of its input")
    supervisor = worker.described()["supervisor_pid"]
    worker.kill()
    os.kill(supervisor, signal.SIGKILL)
    worker.start()
    assert is_alive(job)
    gate.write_bytes(b"\n")
    status, out, err = run.ended()
    assert (status, out.split()[0].decode()) == (0, hashlib.md5(DATA[: 3 * MIB], usedforsecurity=False).hexdigest()), err


def test_if_supervisor_and_keeper_are_killed_together_the_job_finds_an_early_end_and_that_is_said(worker: Worker, home: Home) -> None:
    run = Run(home, "--", sys.executable, "-c", SLOW)
    run.write(DATA)
    fed(worker, MIB)
    for name in ("keeper_pid", "supervisor_pid"):
        os.kill(worker.described()[name], signal.SIGKILL)
    status, _, err = run.ended()
    assert status == 125
    assert b"supervisor and keeper were killed together" in err


@pytest.mark.parametrize("worker", [{"options": ["--feed-wait", "4s"]}], indirect=True)
def test_a_job_whose_feeder_was_killed_finds_the_end_and_counts_as_failed(worker: Worker, home: Home) -> None:
    run = Run(home, "-n", "half", "--", "md5sum")
    run.write(DATA[:MIB], end=False)
    fed(worker, MIB - 1)
    run.process.kill()
    run.ended()
    with worker.client() as client:
        job = client.job("half")
        job.wait()
        outcome = job.outcome
        assert outcome is not None
        assert (outcome.kind, outcome.exit_status, outcome.is_ok) == (OutcomeKind.EXITED, 0, False)
        assert "no client sent its standard input for 4 s, so it was closed after 1048576 bytes" in outcome.stdin_problem
        assert job.stdout.read().split()[0].decode() == hashlib.md5(DATA[:MIB], usedforsecurity=False).hexdigest()
    waited = home.jobwire("wait", "half", status=125)
    assert b"no client sent" in waited.stderr
    assert [one["outcome"]["stdin_problem"] for one in home.records("list", "-a", "--failed")] == [outcome.stdin_problem]


@pytest.mark.parametrize("worker", [{"options": ["--feed-wait", "1s"]}], indirect=True)
def test_a_job_that_nobody_ever_feeds_finds_the_end(worker: Worker) -> None:
    with worker.client() as client:
        job = client.submit_many([replace(jobwire.job_spec(["cat"]), feed=True)])[0]
        job.wait()
        assert job.outcome is not None
        assert "after 0 bytes" in job.outcome.stdin_problem


@pytest.mark.parametrize("worker", [{"options": ["--feed-wait", "4s"]}], indirect=True)
def test_a_silent_feeder_is_not_a_missing_one(worker: Worker, home: Home) -> None:
    run = Run(home, "--", "cat")
    job_of(worker)
    time.sleep(5)
    run.write(b"late\n")
    assert run.ended()[:2] == (0, b"late\n")


def test_lines_arrive_one_by_one(home: Home) -> None:
    run = Run(home, "--", "sh", "-c", "while read line; do echo got $line; done")
    assert run.process.stdin is not None
    assert run.process.stdout is not None
    for number in range(5):
        run.process.stdin.write(b"%d\n" % number)
        run.process.stdin.flush()
        assert run.process.stdout.readline() == b"got %d\n" % number
    run.process.stdin.close()
    assert run.process.stdout.read() == b""
    run.process.stdout.close()
    assert run.process.stderr is not None
    run.process.stderr.close()
    assert run.process.wait(60) == 0


def test_a_slow_job_costs_no_memory(worker: Worker, home: Home) -> None:
    def resident() -> int:
        kilobytes = 0
        for pid in (worker.described()["pid"], worker.described()["supervisor_pid"], worker.described()["keeper_pid"]):
            fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            kilobytes += int(fields["RssAnon"].split()[0]) + int(fields["RssShmem"].split()[0])
        return kilobytes

    before = resident()
    run = Run(home, "--", "sleep", "100")
    run.write(DATA * 4)
    job_of(worker)
    time.sleep(2)
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{run.process.pid}/status").read_text().splitlines())
    assert resident() - before < 16 * 1024
    assert int(fields["RssAnon"].split()[0]) < 100 * 1024
    run.process.send_signal(signal.SIGTERM)
    run.ended()


def test_a_job_that_closes_its_input_ends_the_producer_and_not_itself(home: Home, tmp_path: Path) -> None:
    job = f"head -n 1; exec <&-; echo open; read x < {tmp_path}/gate; echo done"
    script = f"yes | {' '.join(command('run'))} -- sh -c '{job}'; echo ${{PIPESTATUS[*]}}"
    os.mkfifo(tmp_path / "gate")
    shell = subprocess.Popen(["bash", "-c", script], env=home.env, cwd=home.folder, stdout=subprocess.PIPE)
    assert shell.stdout is not None
    assert [shell.stdout.readline(), shell.stdout.readline()] == [b"y\n", b"open\n"]
    children = Path(f"/proc/{shell.pid}/task/{shell.pid}/children")

    def producer_is_gone() -> bool:
        return not any(Path(f"/proc/{pid}/comm").read_text() == "yes\n" and is_alive(int(pid)) for pid in children.read_text().split())

    wait_until(producer_is_gone, "the producer ends while the job runs")
    (tmp_path / "gate").write_bytes(b"\n")
    assert shell.stdout.read() == b"done\n141 0\n"
    shell.stdout.close()
    shell.wait(60)


def test_run_ends_with_its_job_and_waits_for_no_input(home: Home) -> None:
    run = Run(home, "--", "sh", "-c", "exit 3")
    assert run.process.wait(60) == 3
    run.ended()


def test_a_non_blocking_input_is_the_same_bytes(home: Home) -> None:
    read_end, write_end = os.pipe2(os.O_NONBLOCK)
    run = Run(home, "--", "md5sum", stdin=read_end)
    os.close(read_end)
    with os.fdopen(write_end, "wb", buffering=0) as file:
        os.set_blocking(file.fileno(), True)
        for at in range(0, MIB, 65536):
            file.write(DATA[at : at + 65536])
    assert run.ended()[1].split()[0].decode() == hashlib.md5(DATA[:MIB], usedforsecurity=False).hexdigest()


def test_binary_goes_both_ways_at_once(home: Home) -> None:
    data = os.urandom(8 * MIB)
    run = Run(home, "--", "cat")
    run.write(data)
    status, out, _ = run.ended()
    assert (status, out == data) == (0, True)


def test_an_input_is_taken_although_nobody_reads_the_output_yet(home: Home) -> None:
    run = Run(home, "--", "cat")
    run.write(DATA)
    assert run._writer is not None
    run._writer.join(60)
    assert not run._writer.is_alive()
    status, out, _ = run.ended()
    assert (status, out == DATA) == (0, True)


def test_a_large_file_is_streamed_and_a_small_one_is_kept_with_the_job(home: Home, tmp_path: Path) -> None:
    for size, kept in ((2 * MIB, False), (MIB, True), (0, True)):
        file = tmp_path / "file"
        file.write_bytes(DATA[:size])
        with file.open("rb") as stdin:
            run = Run(home, "-n", "sized", "--", "md5sum", stdin=stdin.fileno())
        assert run.ended()[1].split()[0].decode() == hashlib.md5(DATA[:size], usedforsecurity=False).hexdigest()
        record = home.records("show", "sized")[0]
        assert record["stdin_bytes"] == (size if kept else None)
        assert (b"  input        a stream, which is not kept\n" in home.jobwire("show", "sized").stdout) is not kept


def test_without_stdin_a_loop_keeps_its_lines(home: Home) -> None:
    run = " ".join(command("run"))
    script = f"printf '1\\n2\\n3\\n' | while read n; do {run} --no-stdin -- sh -c 'cat; echo job '$n; done"
    assert (
        subprocess.run(["bash", "-c", script], env=home.env, cwd=home.folder, capture_output=True, check=True).stdout
        == b"job 1\njob 2\njob 3\n"
    )


def test_an_input_that_cannot_be_read_is_said(home: Home, tmp_path: Path) -> None:
    file = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    run = Run(home, "--", "cat", stdin=file)
    os.close(file)
    status, _, err = run.ended()
    assert status == 125
    assert b"the standard input cannot be read: Bad file descriptor" in err

    folder = os.open(tmp_path, os.O_RDONLY)
    run = Run(home, "--", "cat", stdin=folder)
    os.close(folder)
    status, _, err = run.ended()
    # Python itself refuses that.
    assert (status, b"<stdin> is a directory" in err) == (1, True)


@pytest.mark.soak
def test_a_gigabyte_goes_both_ways_with_flat_memory(worker: Worker, home: Home) -> None:
    run = " ".join(command("run"))
    script = f"head -c 1G /dev/zero | tr '\\0' x | {run} -- cat | md5sum"
    found = subprocess.run(["bash", "-c", script], env=home.env, cwd=home.folder, capture_output=True, check=True).stdout
    expected = subprocess.run(["bash", "-c", "head -c 1G /dev/zero | tr '\\0' x | md5sum"], capture_output=True, check=True).stdout
    assert found == expected
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{worker.described()['pid']}/status").read_text().splitlines())
    assert int(fields["VmHWM"].split()[0]) < 200 * 1024
