"""The private worker: started when it is needed, only once, and again after it was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from home import SECONDS, Home, command, read_until
from processes import many_descriptors

from jobwire.client.library.client import Client
from jobwire.client.private_worker import launch
from jobwire.client.private_worker.ensure import ensure
from jobwire.client.sockets.addressee import Context
from jobwire.keys import identity as identities


@pytest.fixture
def home(empty_home: Home) -> Home:
    return empty_home


def test_run_works_in_an_empty_home(home: Home) -> None:
    assert home.jobwire("run", "echo", "hi").stdout == b"hi\n"
    assert [path.stat().st_mode & 0o077 for path in (home.config, home.state, home.config / "identity")] == [0, 0, 0]


def test_a_missing_home_is_not_needed(home: Home) -> None:
    home.env["HOME"] = str(home.folder / "nowhere")
    assert home.jobwire("run", "echo", "hi").stdout == b"hi\n"


def test_ten_commands_at_once_start_one_worker(home: Home) -> None:
    commands = [home.start("run", "echo", str(number)) for number in range(10)]
    for number, one in enumerate(commands):
        stdout, stderr = one.communicate()
        # Commands whose job waits long for a slot say so, and on a busy machine also that it is about to start.
        said = [line for line in stderr.splitlines() if b" waits: " not in line]
        assert (one.returncode, stdout, said) == (0, b"%d\n" % number, [])
    assert (home.state / "worker" / "worker.log").read_text().count("INFO jobwire.worker.daemon: ready") == 1
    assert len(home.records("list", "-a")) == 10


def test_a_job_runs_where_the_person_is(home: Home) -> None:
    (home.folder / "sub").mkdir()
    assert home.jobwire("run", "pwd").stdout == bytes(home.folder) + b"\n"
    assert home.jobwire("run", "-C", "sub", "pwd").stdout == bytes(home.folder / "sub") + b"\n"


def test_a_worker_that_was_killed_is_started_again(home: Home) -> None:
    home.jobwire("run", "true")
    before = home.records("worker", "status")[0]["pid"]
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: home.jobwire("worker", "status", status=None).returncode == 1, "it is gone")
    assert home.jobwire("run", "echo", "hi").stdout == b"hi\n"
    assert home.records("worker", "status")[0]["pid"] != before


def test_a_worker_that_is_killed_meanwhile_is_started_again_by_a_waiting_command(home: Home) -> None:
    gate = home.folder / "gate"
    os.mkfifo(gate)
    with home.start("run", "sh", "-c", f"echo up; read x < {gate}; exit 9") as run:
        assert run.stdout
        assert run.stderr
        read_until(run.stdout, b"up\n")
        os.kill(home.records("worker", "status")[0]["pid"], signal.SIGKILL)
        read_until(run.stderr, b"is lost")
        gate.write_text("\n")
        assert run.wait() == 9


def test_a_worker_that_cannot_start_says_why_in_its_own_words(home: Home) -> None:
    folder = home.state / "worker"
    folder.mkdir(parents=True)
    (folder / "state.db").write_text("this is no database")
    first, *log = home.jobwire("run", "true", status=125).stderr.decode().splitlines()
    assert first.startswith(f"jobwire: your private worker did not start; the last lines of {folder}/worker.log follow; ")
    assert first.endswith("in the foreground: jobwire worker run --embedded")
    assert any("state.db" in line for line in log)
    assert all(line.startswith("  ") and "Traceback" not in line for line in log)


def test_a_message_that_cannot_be_written_changes_no_status(home: Home) -> None:
    home.jobwire("run", "true")
    for arguments in (["worker", "reload"], ["submit", "--wait", "true"], ["worker", "stop"]):
        with Path("/dev/full").open("wb") as full:
            ended = subprocess.run(command(*arguments), stderr=full, env=home.env, cwd=home.folder, timeout=SECONDS, check=False)
        assert ended.returncode == 0, arguments


def test_a_relative_search_path_of_the_caller_does_not_mean_the_home_folder(home: Home) -> None:
    """The worker runs there, and would take what lies there for its modules."""
    folder = home.folder / "home"
    project = home.folder / "project"
    folder.mkdir(exist_ok=True)
    project.mkdir()
    (folder / "json.py").write_text("raise SystemExit('not a module of ours')")
    env = {**home.env, "HOME": str(folder), "PYTHONPATH": "."}
    ran = subprocess.run(command("run", "pwd"), env=env, cwd=project, capture_output=True, check=False, timeout=SECONDS)
    assert (ran.returncode, ran.stdout) == (0, f"{project}\n".encode()), ran.stderr.decode()


@pytest.mark.parametrize("name", ["LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX"])
def test_a_relative_folder_of_the_interpreter_means_where_the_caller_is(home: Home, name: str) -> None:
    folder = home.folder / "home"
    folder.mkdir(exist_ok=True)
    # No command starts without a real one.
    meant = Path(sys.base_prefix) if name == "PYTHONHOME" else home.folder / "folder"
    env = {**home.env, "HOME": str(folder), name: meant.name}
    ran = subprocess.run(command("run", "pwd"), env=env, cwd=meant.parent, capture_output=True, check=False, timeout=SECONDS)
    assert (ran.returncode, ran.stdout) == (0, f"{meant.parent}\n".encode()), ran.stderr.decode()
    pids = home.records("worker", "status")[0]
    for pid in (pids["pid"], pids["supervisor_pid"]):
        assert f"{name}={meant}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


def test_a_worker_that_is_started_by_hand_in_the_same_moment_is_used(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """It locked the folder after a command had found it unlocked."""
    for name in ("JOBWIRE_CONFIG", "JOBWIRE_STATE"):
        monkeypatch.setenv(name, home.env[name])
    started: list[subprocess.Popen[bytes]] = []
    start = launch.start

    def too_late(folder: Path) -> Context:
        started.append(home.start("worker", "run"))
        assert started[0].stdout
        read_until(started[0].stdout, b"worker ready")
        return start(folder)

    monkeypatch.setattr(launch, "start", too_late)
    try:
        found = ensure()
        assert home.records("worker", "status")[0]["endpoint"] == found.endpoint
        assert home.jobwire("run", "echo", "hi").stdout == b"hi\n"
    finally:
        started[0].terminate()
        started[0].communicate(timeout=SECONDS)


def test_a_caller_with_too_few_descriptors_is_told_how_to_get_more(home: Home) -> None:
    few = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *command("run", "true")]
    refused = subprocess.run(few, env=home.env, cwd=home.folder, capture_output=True, check=False, timeout=SECONDS)
    _, *log = refused.stderr.decode().splitlines()
    assert refused.returncode == 125
    assert any("only 64 file descriptors are allowed," in line and "ulimit -n" in line for line in log)


def test_a_state_folder_that_cannot_be_created_is_reported(home: Home) -> None:
    home.env["JOBWIRE_STATE"] = "/proc/none"
    said = home.jobwire("run", "true", status=125).stderr
    assert b"/proc/none/worker cannot be used" in said
    assert b"use another folder: JOBWIRE_STATE=DIR" in said


def test_a_new_identity_is_admitted_by_the_running_worker(home: Home) -> None:
    home.jobwire("run", "true")
    (home.config / "identity").unlink()
    assert home.jobwire("run", "echo", "hi").stdout == b"hi\n"


def test_a_worker_that_is_being_started_by_hand_is_waited_for(home: Home) -> None:
    home.jobwire("run", "true")
    home.jobwire("worker", "stop")
    lock = home.state / "worker" / "lock"
    with home.start("worker", "run") as worker:
        # It holds the folder, and the description is still that of the previous worker.
        wait_until(lambda: lock.read_text().strip() == str(worker.pid), "it holds the folder")
        assert home.jobwire("run", "echo", "hi").stdout == b"hi\n"
        assert home.records("worker", "status")[0]["pid"] == worker.pid
        home.jobwire("worker", "stop")
        assert worker.wait() == 0
    home.jobwire("run", "true")


def test_a_hundred_connections_of_one_user_are_admitted_by_their_private_worker_and_jobs_run_meanwhile(home: Home) -> None:
    home.jobwire("run", "true")
    worker = home.records("worker", "status")[0]
    user = identities.load(home.config / "identity")
    with many_descriptors(), ExitStack() as held:
        for _ in range(100):
            client = held.enter_context(Client.connect(worker["endpoint"], identities.parse_public(worker["key"]), user))
            assert client.hello()
        assert home.jobwire("run", "echo", "hi").stdout == b"hi\n"


def test_a_command_that_is_one_connection_too_many_says_so_and_runs_when_one_is_closed(own_home: Home, worker: Worker) -> None:
    def limit() -> int:
        with worker.client() as client:
            return client.hello().limits.connections

    worker.roster.write_text(f"{worker.roster.read_text()}connections = 1\n")
    wait_until(lambda: limit() == 1, "the limit is in force")
    with worker.client() as first:
        first.hello()
        run = own_home.start("run", "echo", "hi")
        assert run.stderr
        said = read_until(run.stderr, b"closed\n")
        assert said == b"jobwire: 1 connections of this key are open, which is the limit; waiting until one is closed\n"
    assert run.communicate(timeout=SECONDS) == (b"hi\n", b"")
    assert run.returncode == 0


@pytest.mark.parametrize(
    ("python", "wrote"), [("", "is empty"), ("/bin/false", "/bin/false, wrote nothing"), ("/opt/nope", "No such file or directory: ")]
)
def test_a_python_that_does_not_exist_is_named_and_no_earlier_log_is_shown(home: Home, python: str, wrote: str) -> None:
    """As in a program that embeds Python."""
    home.state.joinpath("worker").mkdir(parents=True, mode=0o700)
    home.state.joinpath("worker", "worker.log").write_text("jobwire: what was wrong last year\n")
    program = f"import sys, jobwire; sys.executable = {python!r}; jobwire.Client()"
    ended = subprocess.run([sys.executable, "-c", program], env=home.env, capture_output=True, text=True, timeout=60, check=False)
    assert "Refused: your private worker" in ended.stderr
    assert wrote in ended.stderr
    assert "set sys.executable to the Python that has jobwire" in ended.stderr
    assert "last year" not in ended.stderr
