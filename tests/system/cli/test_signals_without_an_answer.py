"""A signal ends a command that waits, also if the other side is gone, hangs, or was never there."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import subprocess
import termios
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import pytest
from brokers import Broker
from daemons import Worker, wait_until
from home import Home, Terminal, command, read_until

from jobwire.keys.identity import format_public, generate

pytestmark = pytest.mark.timeout(300)

TERM, HUP, INT = signal.SIGTERM, signal.SIGHUP, signal.SIGINT
_SECONDS = 60
# After so long without a sign it leaves; and what does not wait for one has ended by then, if it was given a processor.
_LEAVES_SECONDS = 5
_AT_ONCE_SECONDS = 4
# Ctrl-C while a batch is staged: for so long it tries to remove what is there.
_UNSTAGED_SECONDS = 9
# As long as a test may take.
_LATEST_SECONDS = 60
_RUNS = ("sh", "-c", "echo begun; exec sleep 600")
# What is not stopped at once.
_STAYS = ("sh", "-c", "trap '' INT TERM HUP; echo begun; while :; do sleep 600; done")


class Waits(NamedTuple):
    """A command that waits, and what it shows when it does. `stops`: it stops its job before it ends, if it can.

    `seconds`: how soon it ends otherwise.
    """

    words: Sequence[str]
    shown: str = "begun"
    on_terminal: bool = False
    stops: bool = False
    seconds: float = _AT_ONCE_SECONDS


def in_place_of_jobs(job: Sequence[str], *, grace: str = "90s") -> dict[str, Waits]:
    """Return the commands that stop their jobs when they are to end."""
    words = ("--grace", grace, "--", *job)
    return {
        "run": Waits(("run", *words), stops=True),
        "run on a terminal": Waits(("run", *words), on_terminal=True, stops=True),
        "run --tty": Waits(("run", "-it", *words), on_terminal=True, stops=True),
        "run --retry": Waits(("run", "--no-stdin", "--retry", "3", *words), stops=True),
        "run --on-each": Waits(("run", "--no-stdin", "--on-each", *words), stops=True),
        "shell": Waits(("shell", "lines"), stops=True),
    }


def that_only_wait(job: str, at_terminal: str) -> dict[str, Waits]:
    """Return the commands whose jobs continue. The jobs they are about: one, and one on a terminal."""
    return {
        "submit --wait": Waits(("submit", "--wait", "sleep", "600"), "-"),
        "submit --follow": Waits(("submit", "--follow", *_RUNS)),
        "batch": Waits(("batch", "--lines", "batch"), "2 jobs"),
        "batch on a terminal": Waits(("batch", "--lines", "batch"), "2 running", on_terminal=True),
        "batch --show-output": Waits(("batch", "--show-output", "--lines", "batch"), "2 jobs"),
        "a large batch": Waits(("batch", "--parallel", "4", "--lines", "large"), "300 jobs", seconds=_UNSTAGED_SECONDS),
        "wait": Waits(("wait", job), "waiting for job", on_terminal=True),
        "wait --any": Waits(("wait", "--any", job, at_terminal), "waiting for 2 jobs", on_terminal=True),
        "logs": Waits(("logs", "-f", job)),
        "logs --merged": Waits(("logs", "-f", "--merged", job)),
        "logs -t": Waits(("logs", "-f", "-t", job)),
        "events": Waits(("events", "--from", "start"), "started"),
        "list --watch": Waits(("list", "--watch"), "running", on_terminal=True),
        "attach --read-only": Waits(("attach", "--read-only", at_terminal)),
        "attach": Waits(("attach", at_terminal), on_terminal=True),
        "a shell that waits": Waits(("shell", "waits"), "waiting for job", on_terminal=True),
    }


class Piped:
    """A command whose output is one pipe, and whose input is another one, which stays open."""

    def __init__(self, home: Home, words: Sequence[str]) -> None:
        self.screen = b""
        # No shell would start it with another disposition.
        self.process = subprocess.Popen(
            [*home.prefix, *command(*words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=home.env,
            cwd=home.folder,
        )

    def until(self, text: str) -> None:
        assert self.process.stdout is not None
        while text.encode() not in self.screen:
            assert select.select([self.process.stdout], [], [], _SECONDS)[0], f"no {text!r}: {self.screen!r}"
            part = os.read(self.process.stdout.fileno(), 65536)
            assert part, f"ended before {text!r}: {self.screen!r}"
            self.screen += part

    def ended(self) -> int:
        self.screen += self.process.communicate(timeout=_SECONDS)[0]
        return self.process.returncode

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def waiting(home: Home, commands: dict[str, Waits]) -> Iterator[dict[str, Piped | Terminal]]:
    """Start commands, and yield them when all of them wait."""
    with ExitStack() as opened:
        begun: dict[str, Piped | Terminal] = {}
        for name, one in commands.items():
            begun[name] = Terminal(home, *one.words) if one.on_terminal else Piped(home, one.words)
            opened.callback(begun[name].close)
        for name, one in commands.items():
            begun[name].until(one.shown)
        yield begun


def signal_all(begun: dict[str, Piped | Terminal], number: int) -> None:
    for one in begun.values():
        if one.process.poll() is None:
            one.process.send_signal(number)


def in_turn(pid: int) -> float:
    """Return for how many seconds the first thread of a process has waited for a processor, where the kernel tells: sched-stats.rst."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


def lasting(begun: dict[str, Piped | Terminal]) -> dict[str, float]:
    """Wait for the ends of all, and return how long each lasted, in seconds in which it did not wait for a processor."""
    since = time.monotonic()
    left = {os.pidfd_open(one.process.pid): name for name, one in begun.items() if one.process.poll() is None}
    before = {name: in_turn(begun[name].process.pid) for name in left.values()}
    lasted = dict.fromkeys(begun.keys() - left.values(), 0.0)
    try:
        while left:
            ended = select.select([*left], [], [], max(0.0, since + _LATEST_SECONDS - time.monotonic()))[0]
            assert ended, f"these go on: {[*left.values()]}"
            for pidfd in ended:
                name = left.pop(pidfd)
                # Not reaped yet.
                lasted[name] = time.monotonic() - since - (in_turn(begun[name].process.pid) - before[name])
                os.close(pidfd)
    finally:
        for pidfd in left:
            os.close(pidfd)
    return lasted


def check_ends(commands: dict[str, Waits], begun: dict[str, Piped | Terminal], number: int, who: str) -> None:
    """Check that all end, with which status and words; those that stop their jobs do so when nothing answered for a while."""
    lasted = lasting(begun)
    for name, one in begun.items():
        status = one.ended()
        assert status in (128 + number, -number), f"{name}: {status}: {one.screen!r}"
        if commands[name].stops:
            assert status == 128 + number, name
            said = one.screen.decode().replace("\r", "")
            assert f"{who}" in said, f"{name}: {said}"
            assert "may continue: jobwire show " in said, f"{name}: {said}"
            assert ", jobwire stop " in said, f"{name}: {said}"
        else:
            assert lasted[name] < commands[name].seconds, name


class Lab:
    """A user, and the worker or broker that they use. `struck`: the process that gives no sign any more."""

    def __init__(self, home: Home, used: Worker | Broker, struck: Worker | Broker) -> None:
        self.home = home
        self.struck = struck
        self.is_suspended = False
        home.use(used, used.admin)
        (home.folder / "lines").write_text("run --no-stdin --grace 90s -- sh -c 'echo begun; exec sleep 600'\nlist\n")
        (home.folder / "batch").write_text("sh -c 'echo begun; exec sleep 600'\nsleep 600\n")
        (home.folder / "large").write_text("sleep 600\n" * 300)

    def strike(self, how: str) -> None:
        assert self.struck.process is not None
        if how == "suspended":
            self.struck.process.send_signal(signal.SIGSTOP)
            self.is_suspended = True
        else:
            self.struck.kill()

    def mend(self) -> None:
        assert self.struck.process is not None
        if self.is_suspended:
            self.struck.process.send_signal(signal.SIGCONT)
            wait_until(lambda: self.home.jobwire("list", status=None).returncode == 0, "it answers again")
        elif self.struck.process.poll() is not None:
            self.struck.start()

    def stop_stubborn(self) -> None:
        """Have `shell` run a job that does not end at once, either."""
        (self.home.folder / "lines").write_text(
            "run --no-stdin --grace 90s -- sh -c \"trap '' INT TERM HUP; echo begun; while :; do sleep 9; done\"\n"
        )


@pytest.fixture
def lab(tmp_path: Path, bytecode: Path) -> Iterator[Lab]:
    with Worker(tmp_path, slots=60, options=["--jobs-as-root"]).start() as worker:
        made = Lab(Home(tmp_path / "home", bytecode, "admin"), worker, worker)
        yield made
        made.mend()


@pytest.fixture
def fleet(tmp_path: Path, bytecode: Path, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A worker behind a broker; the parameter says which of the two is struck."""
    broker = Broker(tmp_path / "broker").start()
    worker = broker.join(tmp_path / "lab", "lab", 60)
    try:
        wait_until(lambda: set(broker.states().values()) == {"ready"}, "the worker has joined")
        made = Lab(Home(tmp_path / "home", bytecode, "admin"), broker, broker if request.param == "broker" else worker)
        yield made
        made.mend()
        wait_until(lambda: set(broker.states().values()) == {"ready"}, "the worker is back")
        made.home.stop_all()
    finally:
        print(broker.logged(), worker.logged())
        worker.clean()
        broker.kill(signal.SIGTERM)


@pytest.mark.parametrize(("how", "numbers"), [("killed", [TERM]), ("suspended", [INT]), ("suspended", [HUP]), ("killed", [INT, INT])])
def test_a_command_in_the_place_of_a_job_leaves_a_worker_that_gives_no_sign(lab: Lab, how: str, numbers: list[int]) -> None:
    commands = in_place_of_jobs(_RUNS)
    with waiting(lab.home, commands) as begun:
        lab.strike(how)
        for number in numbers:
            signal_all(begun, number)
        check_ends(commands, begun, numbers[-1], f"the worker at {lab.struck.endpoint} does not answer; ")


def test_it_leaves_a_worker_that_is_killed_in_the_middle_of_the_stop(lab: Lab) -> None:
    lab.stop_stubborn()
    commands = in_place_of_jobs(_STAYS)
    with waiting(lab.home, commands) as begun:
        signal_all(begun, TERM)
        wait_until(lambda: len(lab.home.records("list", "--state", "stopping")) == len(commands), "the jobs are being stopped")
        lab.strike("killed")
        check_ends(commands, begun, TERM, f"the worker at {lab.struck.endpoint} does not answer; ")


def test_a_worker_that_answers_is_waited_for(home: Home) -> None:
    """Longer than one that does not."""
    stops = "trap 'sleep 9; echo over; exit 3' TERM; echo begun; while :; do sleep 0.1; done"
    commands = {
        "run": Waits(("run", "--", "sh", "-c", stops)),
        "run --tty": Waits(("run", "-it", "--stop-signal", "TERM", "--", "sh", "-c", stops), on_terminal=True),
    }
    with waiting(home, commands) as begun:
        signal_all(begun, TERM)
        lasted = lasting(begun)
        assert [one.ended() for one in begun.values()] == [3, 3]
        assert all(b"over" in one.screen and b"may continue" not in one.screen for one in begun.values())
        assert min(lasted.values()) > _LEAVES_SECONDS + 1


def test_output_that_nobody_reads_any_more_ends_it_too(lab: Lab) -> None:
    with lab.home.start("run", "--no-stdin", *_RUNS) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        read_until(running.stdout, b"begun")
        lab.strike("killed")
        running.stdout.close()
        said = running.stderr.read()
        assert running.wait(_SECONDS) == 141
    assert b"does not answer; job " in said


def test_messages_that_nobody_reads_do_not_keep_it(lab: Lab) -> None:
    with lab.home.start("run", "--no-stdin", "--", "sh", "-c", "echo begun; exec yes >&2") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        read_until(running.stdout, b"begun")
        wait_until(lambda: _is_full(running.stderr), "the pipe is full")
        lab.strike("killed")
        running.send_signal(TERM)
        assert running.wait(_SECONDS) == 128 + TERM


def _is_full(pipe: IO[bytes]) -> bool:
    """Return whether a pipe of the usual size takes nothing more."""
    waiting = array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, waiting)
    return waiting[0] > 65536 - select.PIPE_BUF


@pytest.mark.parametrize("fleet", ["worker"], indirect=True)
def test_a_worker_that_its_broker_does_not_reach_is_left_too(fleet: Lab) -> None:
    commands = in_place_of_jobs(_RUNS)
    with waiting(fleet.home, commands) as begun:
        fleet.strike("killed")
        signal_all(begun, INT)
        check_ends(commands, begun, INT, "worker lab does not answer the broker at ")


def test_commands_end_at_once_while_they_connect(tmp_path: Path, bytecode: Path) -> None:
    """What listens there accepts connections, and says nothing."""
    home = Home(tmp_path / "home", bytecode, "admin")
    home.config.mkdir()
    (home.folder / "batch").write_text("true\n")
    (home.folder / "lines").write_text("list\n")
    job = "12345678-1234-1234-1234-123456789abc"
    lines = [
        ["run", "true"], ["run", "-it", "true"], ["run", "--on-each", "--no-stdin", "true"], ["run", "--put", "batch", "true"],
        ["submit", "true"], ["submit", "--wait", "true"], ["submit", "--follow", "true"], ["batch", "--lines", "batch"],
        ["batch", "--show-output", "--lines", "batch"], ["wait", job], ["wait", job, job[:-1] + "d"], ["logs", "-f", job], ["events"],
        ["list"], ["show", job], ["attach", "--read-only", job], ["put", job, "batch"], ["get", job, "x"], ["signal", job, "USR1"],
        ["pause", job], ["resume", job], ["stop", job], ["hold", job], ["forget", job], ["rerun", job], ["set", job, "-t", "1h"],
        ["status"], ["doctor"], ["schedule", "list"], ["broker", "list"], ["broker", "drain", "lab"], ["shell", "lines"],
    ]  # fmt: skip
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in lines]
        key = format_public(generate().public)
        contexts = [
            f'[contexts.c{at}]\nendpoint = "tcp://127.0.0.1:{one.getsockname()[1]}"\nkey = "{key}"\n' for at, one in enumerate(sockets)
        ]
        (home.config / "contexts.toml").write_text("".join(contexts))
        home.jobwire("keys", "new")
        for number in (TERM, INT, HUP):
            some = [at for at in range(len(lines)) if at % 3 == (TERM, INT, HUP).index(number)]
            begun: dict[str, Piped | Terminal] = {}
            for at in some:
                words = ["--context", f"c{at}", *lines[at]]
                begun[" ".join(lines[at])] = Terminal(home, *words) if "-it" in words else Piped(home, words)
            for one in begun.values():
                opened.callback(one.close)
            for at in some:
                assert select.select([sockets[at]], [], [], _SECONDS)[0], lines[at]
            signal_all(begun, number)
            lasted = lasting(begun)
            for name, one in begun.items():
                assert one.ended() in (128 + number, -number), f"{name}: {one.process.returncode}: {one.screen!r}"
            assert max(lasted.values()) < _AT_ONCE_SECONDS


@pytest.mark.soak
@pytest.mark.parametrize("how", ["killed", "suspended"])
@pytest.mark.parametrize("numbers", [[TERM], [HUP], [INT], [INT, INT]])
def test_each_command_that_waits_ends(lab: Lab, how: str, numbers: list[int]) -> None:
    job = lab.home.submit("-n", "one", "--", *_RUNS)
    at_terminal = lab.home.submit("-n", "typed", "--tty", "--", *_RUNS)
    (lab.home.folder / "waits").write_text(f"wait {job}\nlist\n")
    commands = in_place_of_jobs(_RUNS) | that_only_wait(job, at_terminal)
    with waiting(lab.home, commands) as begun:
        lab.strike(how)
        for number in numbers:
            signal_all(begun, number)
        check_ends(commands, begun, numbers[-1], f"the worker at {lab.struck.endpoint} does not answer; ")


@pytest.mark.soak
@pytest.mark.parametrize("fleet", ["worker", "broker"], indirect=True)
@pytest.mark.parametrize("how", ["killed", "suspended"])
@pytest.mark.parametrize("number", [TERM, HUP, INT])
def test_each_ends_also_where_there_is_a_broker(fleet: Lab, how: str, number: int) -> None:
    commands = in_place_of_jobs(_RUNS)
    is_broker = isinstance(fleet.struck, Broker)
    with waiting(fleet.home, commands) as begun:
        fleet.strike(how)
        signal_all(begun, number)
        check_ends(
            commands,
            begun,
            number,
            f"the broker at {fleet.struck.endpoint} does not answer; " if is_broker else "worker lab does not answer the broker at ",
        )
