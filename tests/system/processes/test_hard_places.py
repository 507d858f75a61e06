"""A resource that every program needs is missing: a clear sentence, the right refusal, nothing else is lost, and the worker continues."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import Worker, wait_until

from jobwire import job_spec
from jobwire.client.library.client import Client
from jobwire.schemas.jobs.states import OutcomeKind, State
from jobwire.schemas.refusal import Code, Refused

PIDS = Path("/sys/fs/cgroup/pids")


def works(client: Client) -> None:
    assert client.run(["echo", "on"]).stdout == b"on\n"


def in_own_namespace(*limits: str) -> list[str]:
    """Start something with limits of a user namespace of its own: inotify(7), namespaces(7)."""
    lines = "".join(f"echo {limit.partition('=')[2]} > /proc/sys/user/{limit.partition('=')[0]}; " for limit in limits)
    return ["unshare", "--user", "--map-root-user", "sh", "-c", f'{lines} exec "$@"', "sh"]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Worker]:
    """Return a worker that a test starts itself, in its own way."""
    with Worker(tmp_path) as one:
        yield one
        if one.process is not None and one.process.poll() is not None:
            one.prefix = []
            one.start()


def test_a_state_folder_that_cannot_be_written_is_refused(made: Worker) -> None:
    made.start()
    made.kill(signal.SIGTERM)
    made.prefix = ["unshare", "--mount", "sh", "-c", f'mount -o bind,ro "{made.state}" "{made.state}" && exec "$@"', "sh"]
    assert f"the state folder {made.state} cannot be used: lock: Read-only file system" in made.refusal()


@pytest.mark.parametrize("name", [b"Gr\xfc\xdfe", b"one\rtwo", b"one\ntwo \x0b\xc2\x85"])
def test_what_others_mount_and_how_they_call_it_is_no_matter_of_a_worker(made: Worker, tmp_path: Path, name: bytes) -> None:
    place = tmp_path / os.fsdecode(name)
    place.mkdir()
    made.prefix = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs "$1" && shift && exec "$@"', "sh", str(place)]
    made.start()
    with made.client() as client:
        works(client)
    made.kill_supervisor()
    with made.client() as client:
        works(client)


@pytest.mark.parametrize(
    ("name", "shown", "label"),
    [(b"M\xfcller\xff", r"M\xfcller\xff", "M_xfcller_xff"), (b"two\nlines", r"two\nlines", "two_nlines"), (b"", "", "")],
)
def test_the_name_of_a_machine_is_any_bytes(made: Worker, name: bytes, shown: str, label: str) -> None:
    renamed = "import os, socket, sys; socket.sethostname(os.fsencode(sys.argv[1])); os.execvp(sys.argv[2], sys.argv[2:])"
    made.prefix = ["unshare", "--uts", sys.executable, "-S", "-c", renamed, os.fsdecode(name)]
    made.start()
    with made.client() as client:
        works(client)
        status = client.status()
        assert (status.host, dict(status.labels)["host"]) == (shown, label)
        if label:
            assert client.run(["echo", "here"], on=f"host={label}").stdout == b"here\n"


@pytest.mark.parametrize("line", [b"M\xfcller\xff:x:0:0:M\xfcller:/r\xf6:/bin/sh\n", b"root:x:0:0:::\n"])
def test_the_name_of_a_user_is_any_bytes(made: Worker, tmp_path: Path, line: bytes) -> None:
    passwd = tmp_path / "passwd"
    passwd.write_bytes(line)
    made.prefix = ["unshare", "--mount", "sh", "-c", 'mount --bind "$1" /etc/passwd && shift && exec "$@"', "sh", str(passwd)]
    made.start()
    with made.client() as client:
        works(client)
        assert client.run(["sh", "-c", "echo $USER"]).stdout == line.partition(b":")[0] + b"\n"


def test_a_log_folder_that_was_removed_affects_only_its_logs(worker: Worker, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with worker.client() as client:
        job = client.submit(["sh", "-c", f"echo out; read _ < {gate}; exit 4"])
        wait_until(lambda: client.job(job.id).info().pid, "it runs")
        shutil.rmtree(next(worker.logs.iterdir()))
        gate.write_bytes(b"go\n")
        assert job.wait(60) == 4
        with pytest.raises(Refused, match="the logs of this job no longer exist") as refused:
            job.result(60)
        assert refused.value.code is Code.NOT_FOUND
        works(client)


def test_a_log_that_cannot_be_read_costs_its_bytes_and_nothing_else(worker: Worker) -> None:
    """As on a disk that fails: it can be opened, and reading it fails."""
    with worker.client() as client:
        job = client.submit(["sh", "-c", "echo out; echo err >&2; exit 4"])
        assert job.wait(60) == 4
        (log,) = worker.logs.glob("*/stderr")
        log.unlink()
        log.mkdir()
        (log / "entry").mkdir()
        with pytest.raises(Refused, match="the log cannot be read: Is a directory"):
            job.stderr.read()
        works(client)
    assert "Traceback" not in worker.logged()


@pytest.mark.parametrize("both_die", [False, True])
def test_an_outcome_that_cannot_be_read_is_not_lost_and_told_when_it_can_be(worker: Worker, *, both_die: bool) -> None:
    with worker.client() as client:
        job = client.submit(["sleep", "60"])
        pid = wait_until(lambda: client.job(job.id).info().pid, "it runs")
    told = worker.described()
    worker.kill()
    os.kill(pid, signal.SIGTERM)
    folder = wait_until(lambda: next(worker.logs.glob(f"{pid}_*_*"), None), "it has ended")
    (folder / "outcome").rename(folder / "aside")
    (folder / "outcome").mkdir(parents=True)
    for pid in (told["keeper_pid"], told["supervisor_pid"])[not both_die :]:
        os.kill(pid, signal.SIGKILL)
    worker.start()
    with worker.client() as client:
        info = client.job(job.id).info()
        assert (info.state, info.outcome) == (State.RUNNING, None)
        assert "how it ended cannot be read: Is a directory" in info.waits_for
        works(client)
        (folder / "outcome").rmdir()
        (folder / "aside").rename(folder / "outcome")
        assert client.job(job.id).wait(60) == -signal.SIGTERM
    assert "cannot be read" in worker.logged()


def test_all_log_folders_removed_affect_only_their_logs(worker: Worker) -> None:
    with worker.client() as client:
        old = client.submit(["echo", "old"])
        assert old.wait(60) == 0
        shutil.rmtree(worker.logs)
        with pytest.raises(Refused, match="the logs of this job no longer exist"):
            old.result(60)
        works(client)


def test_a_worker_whose_streams_were_closed_has_nothing_else_in_their_place(made: Worker) -> None:
    made.prefix = ["sh", "-c", 'exec "$@" <&- 2>&-', "sh"]
    made.start()
    assert made.process is not None
    assert {Path(f"/proc/{made.process.pid}/fd/{number}").readlink() for number in (0, 2)} == {Path(os.devnull)}
    with made.client() as client:
        works(client)
        os.kill(made.described()["supervisor_pid"], signal.SIGKILL)
        works(client)


def test_foreign_files_among_the_logs_are_left_unchanged(worker: Worker, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with worker.client() as client:
        job = client.submit(["sh", "-c", f"read _ < {gate}; exit 4"])
        wait_until(lambda: client.job(job.id).info().pid, "it runs")
    owner = worker.admin.public.hex()
    at = "20261124T053951.123456Z"
    foreign = ["notes", f"1_{at}", f"2_{at}_{at}", f".new-{'0' * 32}.{owner}", ".new-x"]
    for name in foreign:
        (worker.logs / name).mkdir()
    (worker.logs / foreign[1] / "job").write_text("[]")
    (worker.logs / foreign[3] / "stderr").touch()
    (worker.logs / f"3_{at}").write_text("a file")
    (worker.logs / f"4_{at}").symlink_to("/proc")
    told = worker.described()
    worker.kill()
    os.kill(told["supervisor_pid"], signal.SIGKILL)
    worker.start()
    gate.write_bytes(b"go\n")
    with worker.client() as client:
        assert client.job(job.id).wait(60) == 4
        works(client)
    assert all((worker.logs / name).is_dir() for name in (*foreign[:3], ".new-x"))


def test_without_free_descriptors_jobs_wait_for_the_end_of_another(made: Worker) -> None:
    made.slots = 20
    made.prefix = ["prlimit", "--nofile=128:128"]
    made.start()
    with made.client() as client:
        jobs = [client.submit(["sleep", "60"]) for _ in range(12)]
        wait_until(lambda: all(job.pid or "no file descriptors for more" in job.waits_for for job in client.list()), "each runs or waits")
        waiting = [job.id for job in client.list() if not job.pid]
        assert 0 < len(waiting) < 12
        client.stop([job for job in jobs if job.id not in waiting], grace=0)
        wait_until(lambda: all(client.job(job_id).info().pid for job_id in waiting), "they start")
        client.stop([job for job in jobs if job.id in waiting], grace=0)
        assert {job.outcome.kind for job in client.list(all=True) if job.outcome is not None} == {OutcomeKind.SIGNALED}
        works(client)


def test_with_too_few_descriptors_a_worker_says_why_it_does_not_start(made: Worker) -> None:
    made.prefix = ["prlimit", "--nofile=100:100"]
    assert "only 100 file descriptors are allowed," in made.refusal()


@pytest.fixture
def narrow() -> Iterator[Path]:
    """Return a cgroup in which no process can be created."""
    if not os.access(PIDS, os.W_OK):
        pytest.skip("needs the pids controller of cgroup v1")
    group = PIDS / f"jobwire-test-{os.getpid()}"
    group.mkdir()
    (group / "pids.max").write_text("0")
    yield group
    for pid in (group / "cgroup.procs").read_text().split():
        (PIDS / "cgroup.procs").write_text(pid)
    group.rmdir()


def test_without_free_processes_a_start_fails_with_a_reason_and_the_others_continue(worker: Worker, narrow: Path) -> None:
    with worker.client() as client:
        running = client.submit(["sleep", "60"])
        wait_until(lambda: client.job(running.id).info().pid, "it runs")
        (narrow / "cgroup.procs").write_text(str(worker.described()["supervisor_pid"]))
        failed = client.submit(["true"])
        assert failed.wait(60) == 125
        assert "the system does not allow another process" in failed.info().outcome.sentence  # type: ignore[union-attr]
        (narrow / "pids.max").write_text("max")
        works(client)
        running.stop(grace=0)


def test_without_free_processes_a_keeper_waits_until_it_can_start_the_next_supervisor(worker: Worker, narrow: Path) -> None:
    told = worker.described()
    with worker.client() as client:
        running = client.submit(["sh", "-c", "echo out; sleep 60"])
        wait_until(lambda: client.job(running.id).info().pid, "it runs")
        (narrow / "cgroup.procs").write_text(str(told["keeper_pid"]))
        os.kill(told["supervisor_pid"], signal.SIGKILL)
        log = worker.state / "supervisor.log"
        wait_until(lambda: "the supervisor cannot be started: Resource temporarily unavailable" in log.read_text(), "it says so")
        # The worker continues meanwhile.
        assert client.job(running.id).info().pid
        (narrow / "pids.max").write_text("max")
        works(client)
        assert running.stop(grace=0).stdout == b"out\n"
    assert worker.described()["keeper_pid"] == told["keeper_pid"]


@pytest.mark.parametrize("limit", ["max_inotify_instances=0", "max_inotify_watches=0"])
def test_without_inotify_a_worker_says_why_it_does_not_start(made: Worker, limit: str) -> None:
    made.prefix = in_own_namespace(limit)
    assert "watch" in made.refusal()


def test_without_free_watches_no_log_is_followed_and_everything_else_continues(made: Worker) -> None:
    # One for the folder of the roster.
    made.prefix = in_own_namespace("max_inotify_watches=1")
    made.start()
    with made.client() as client:
        job = client.submit(["sleep", "60"])
        wait_until(lambda: client.job(job.id).info().pid, "it runs")
        with pytest.raises(Refused, match="cannot be followed") as refused:
            job.stdout.read()
        assert refused.value.code is Code.RESOURCE_EXHAUSTED
        # Logs of ended jobs are read without a watch.
        other = client.submit(["echo", "on"])
        assert other.wait(60) == 0
        assert other.result(60).stdout == b"on\n"
        job.stop(grace=0)


def test_a_store_that_is_damaged_while_in_use_refuses_with_a_reason(worker: Worker) -> None:
    with worker.client() as client:
        running = client.submit(["sleep", "60"])
        # Many more than retention looks at when the worker starts: what it has read may still be known.
        client.wait(client.submit_many([job_spec(["true"], labels={"l": "x" * 200})] * 300))
    worker.kill(signal.SIGTERM)
    worker.start()
    path = worker.state / "state.db"
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with worker.client() as client:
        with pytest.raises(Refused) as refused:
            list(client.list(all=True))
        assert refused.value.code is Code.INTERNAL
        assert "worker rebuild" in refused.value.next_step
        with pytest.raises(Refused) as refused:
            client.submit(["true"])
        assert "worker rebuild" in refused.value.next_step
    assert worker.process is not None
    assert worker.process.poll() is None
    worker.kill(signal.SIGTERM)
    assert "state.db cannot be used" in worker.refusal()
    worker.command("rebuild")
    worker.start()
    with worker.client() as client:
        client.job(running.id).stop(grace=0)
        works(client)
