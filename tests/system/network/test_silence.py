"""Commands on a terminal say it when the other side falls silent, and when it is back; in a pipe, and while all is well, not a byte."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from brokers import Broker
from daemons import Worker, wait_until
from home import Home, Terminal, command, read_until
from raw_client import RawClient
from two_machines import LAB_ADDRESS, TwoMachines, needs_namespaces

from jobwire.keys.identity import Identity
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import parse_id

pytestmark = pytest.mark.timeout(400)

ADDRESS = f"tcp://{LAB_ADDRESS}:7341"
# Ends when the file is there.
_UNTIL = 'while [ ! -e "$0" ]; do sleep 0.1; done'
_SECONDS = 60
# As a program with the whole screen: draws a word, and again at each change of its size.
_EDITOR = "printf '\\033[?1049h'; trap 'echo drawn$((n+=1))' WINCH; echo drawn0; while [ ! -e \"$0\" ]; do sleep 0.1; done; exit 3"


@contextmanager
def stopped(process: subprocess.Popen[bytes] | subprocess.Popen[str] | None) -> Iterator[None]:
    """Suspend a daemon, as one that hangs."""
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def stay(seconds: float) -> None:
    """Leave it as it is for a while: that time passes is what is tested."""
    select.poll().poll(seconds * 1000)


class Commands:
    """Commands that wait for one job, each on a terminal of its own."""

    def __init__(self, home: Home, over: Path, job: str) -> None:
        (home.folder / "lines").write_text(f"sh -c '{_UNTIL}' {over}\n")
        self.over = over
        self.home = home
        lines = {
            "run": ["run", "--no-stdin", "--", "sh", "-c", f"echo begun; {_UNTIL}; exit 3", str(over)],
            "run with input": ["run", "--", "sh", "-c", f"echo begun; {_UNTIL}; exit 3", str(over)],
            "logs": ["logs", "-f", job],
            "wait": ["wait", job],
            "events": ["events", "--from", "start", "--job", job, "--until-idle"],
            "batch": ["batch", "--lines", "lines"],
            "list": ["list", "--watch"],
            "run --tty": ["run", "-it", "--", "sh", "-c", f"echo begun; {_UNTIL}; exit 3", str(over)],
            "editor": ["run", "-it", "--", "bash", "-c", _EDITOR, str(over)],
        }
        self.terminals = {name: Terminal(home, *words) for name, words in lines.items()}
        shown = {
            "list": "running",
            "batch": "1 running",
            "editor": "drawn0",
            "logs": "begun",
            "wait": "waiting for job",
            "events": "started",
        }
        for name, terminal in self.terminals.items():
            terminal.until(shown.get(name, "begun"))

    def until(self, text: str) -> None:
        for terminal in self.terminals.values():
            terminal.until(text)

    def end(self) -> dict[str, int]:
        self.over.touch()
        self.terminals["list"].process.send_signal(signal.SIGINT)
        return {name: terminal.ended() for name, terminal in self.terminals.items()}

    def close(self) -> None:
        self.over.touch()
        for terminal in self.terminals.values():
            terminal.close()


@needs_namespaces
@pytest.mark.parametrize("how", ["cut", "stopped"])
def test_each_command_on_a_terminal_says_that_it_waits_for_a_silent_worker_and_that_it_is_back(
    machines: TwoMachines, tmp_path: Path, how: str
) -> None:
    home = machines.start(tmp_path / "bytecode")
    over = tmp_path / "over"
    job = home.submit("-n", "job", "--", "sh", "-c", f"echo begun; {_UNTIL}; exit 3", str(over))
    home.until_running("job")
    pipes = [
        subprocess.Popen([*home.prefix, *command(*words)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=home.env)
        for words in (("wait", job), ("logs", "-f", job))
    ]
    commands = Commands(home, over, job)
    quiet = Terminal(home, "batch", "-q", "--lines", "lines")
    try:
        for one in (*pipes, quiet.process):
            wait_until(lambda one=one: machines.has_begun(one.pid), "all have begun")
        # That one; those of run, four times, and of batch; and that of `quiet`.
        wait_until(lambda: len(home.records("list", "--state", "running")) == 7, "all run")
        # All is well for some seconds.
        stay(4)
        assert not [name for name, terminal in commands.terminals.items() if b"no response" in terminal.screen + read_now(terminal)]
        with machines.cable.cut() if how == "cut" else stopped(machines.worker.process):
            commands.until(f"no response from the worker at {ADDRESS} for 2 s")
            # In the place of what a program with the whole screen draws, and not among it.
            assert b"\x1b7\x1b[24;1H" in commands.terminals["editor"].screen
        commands.until("answers again")
        commands.terminals["editor"].until("drawn1")
        statuses = commands.end()
        assert statuses == {**dict.fromkeys(commands.terminals, 3), "logs": 0, "events": 0, "batch": 0, "list": 130}
        # What they say without any silence.
        said = f"jobwire: job {job[:8]}: exited with status 3\n".encode()
        assert [pipe.communicate(timeout=_SECONDS)[1] for pipe in pipes] == [said, b""]
        assert quiet.ended() == 0
        assert b"no response" not in quiet.screen
        assert [pipe.returncode for pipe in pipes] == [3, 0]
        # Once each.
        assert {terminal.screen.count(b"no response from") for terminal in commands.terminals.values()} == {1}
    finally:
        commands.close()
        quiet.close()
        for pipe in pipes:
            pipe.kill()
            pipe.communicate()


def read_now(terminal: Terminal) -> bytes:
    """Return what was shown since; it counts as seen later."""
    while select.select([terminal.master], [], [], 0)[0]:
        terminal.screen += os.read(terminal.master, 65536)
    return terminal.screen


@needs_namespaces
def test_a_signal_ends_a_command_in_the_place_of_a_job_while_the_line_is_cut(machines: TwoMachines, tmp_path: Path) -> None:
    home = machines.start(tmp_path / "bytecode")
    with home.start("run", "--no-stdin", "--", "sh", "-c", "echo begun; exec sleep 600") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        read_until(running.stdout, b"begun")
        with machines.cable.cut():
            running.send_signal(signal.SIGTERM)
            said = running.stderr.read()
            assert running.wait(_SECONDS) == 128 + signal.SIGTERM
    job = home.records("list")[0]["id"][:8]
    how = f"jobwire show {job} says whether it does, jobwire stop {job} stops it"
    assert said.decode() == f"jobwire: the worker at {ADDRESS} does not answer; job {job} may continue: {how}\n"
    home.jobwire("stop", job)


@needs_namespaces
def test_a_slow_line_is_not_taken_for_silence(machines: TwoMachines, tmp_path: Path) -> None:
    """One message takes longer than a second, both ways; but bytes come, or are taken."""
    home = machines.start(tmp_path / "bytecode")
    (home.folder / "content").write_bytes(os.urandom(1_500_000))
    for machine in machines.cable.ends:
        machine.run("tc", "qdisc", "replace", "dev", "cable", "root", "tbf", "rate", "1mbit", "burst", "4k", "latency", "3s")
    for words in (["run", "--put", "content", "--", "true"], ["run", "--no-stdin", "--", "head", "-c", "1500000", "/dev/zero"]):
        shown = Terminal(home, *words)
        try:
            assert shown.ended() == 0
            assert b"no response" not in shown.screen
        finally:
            shown.close()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[tuple[Broker, Worker, Home]]:
    broker = Broker(tmp_path / "broker").start()
    worker = broker.join(tmp_path / "lab", "lab", 4)
    wait_until(lambda: set(broker.states().values()) == {"ready"}, "the worker has joined")
    home = Home(tmp_path / "home", tmp_path / "bytecode", "admin")
    home.use(broker, broker.admin)
    yield broker, worker, home
    home.stop_all()
    worker.clean()
    broker.kill(signal.SIGTERM)


def test_a_silent_worker_is_told_of_to_who_looks_at_many_jobs_of_which_others_go_on(
    fleet: tuple[Broker, Worker, Home], tmp_path: Path
) -> None:
    broker, worker, home = fleet
    over = tmp_path / "over"
    (home.folder / "lines").write_text(f"sh -c '{_UNTIL}' {over}\n" * 3)
    # Of whose jobs the list shows more.
    other = broker.join(tmp_path / "other", "other", 4)
    for _ in range(3):
        home.submit("--on", "worker=other", "--", "sh", "-c", _UNTIL, str(over))
    wait_until(lambda: len(home.records("list", "--state", "running")) == 3, "they run")
    shown = [Terminal(home, "batch", "--lines", "--on", "worker=lab", "lines")]
    try:
        shown[0].until("3 running")
        run = home.records("list")[-1]["batch"]["id"]
        shown += [Terminal(home, "wait", run), Terminal(home, "list", "--watch")]
        shown[1].until("3 running")
        shown[2].until("running")
        with stopped(worker.process):
            for one in shown:
                one.until("no response from worker lab for ")
        for one in shown[:2]:
            one.until(f"worker lab answers the broker at {broker.endpoint} again")
        over.touch()
        shown[2].process.send_signal(signal.SIGINT)
        assert [one.ended() for one in shown] == [0, 0, 130]
        assert all(one.screen.count(b"no response from") == 1 for one in shown[:2])
    finally:
        over.touch()
        for one in shown:
            one.close()
        other.clean()


def silent_worker(broker: Broker, who: Identity, job: str) -> str:
    """Return which worker a broker says is silent, to a member who asks about a job of its admin."""
    about = job_pb2.JobKey(owner=broker.admin.public, id=parse_id(job))
    with RawClient(broker.endpoint, broker.public, who) as raw:
        raw.hello()
        asked = request_pb2.Hello(oldest_version=1, newest_version=1, about=about)
        return raw.ask(raw.request(hello=asked)).hello.silent_worker


def test_a_broker_that_is_silent_and_a_worker_behind_it_are_told_apart(fleet: tuple[Broker, Worker, Home], tmp_path: Path) -> None:
    broker, worker, home = fleet
    over = tmp_path / "over"
    bob = broker.add("bob", "submitter")
    shown = Terminal(home, "run", "--no-stdin", "--", "sh", "-c", f"echo begun; {_UNTIL}; exit 3", str(over))
    shown.until("begun")
    job = home.records("list")[0]["id"]
    # These hear of the job by events, and have no request about it.
    others = [Terminal(home, "wait", job), Terminal(home, "events", "--from", "start", "--job", job, "--until-idle")]
    try:
        others[0].until("waiting for job")
        others[1].until("started")
        with stopped(worker.process):
            shown.until("no response from worker lab for ")
            shown.until(f"; the broker at {broker.endpoint} waits for it (jobs continue)")
            for other in others:
                other.until("no response from worker lab for ")
            # Whose jobs one may not see, of those one is not told where they are.
            assert [silent_worker(broker, who, job) for who in (broker.admin, bob)] == ["lab", ""]
        shown.until(f"worker lab answers the broker at {broker.endpoint} again")
        with stopped(broker.process):
            shown.until(f"no response from the broker at {broker.endpoint} for 2 s; waiting for it (jobs continue)")
        shown.until(f"the broker at {broker.endpoint} answers again")
        over.touch()
        assert [one.ended() for one in (shown, *others)] == [3, 3, 0]
        assert shown.screen.count(b"no response from") == 2
    finally:
        over.touch()
        for one in (shown, *others):
            one.close()
