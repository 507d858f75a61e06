"""All that a user has under way to another machine, while the cable is cut or a process is killed: it goes on, byte for byte."""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from daemons import wait_until
from home import Terminal, command
from two_machines import LAB_ADDRESS, TwoMachines, needs_namespaces

pytestmark = [needs_namespaces, pytest.mark.timeout(400)]

MIB = 1024 * 1024
_STREAM_MIB = 60
_FILE_MIB = 40
_BATCH = 40
# Until everything is back: after a long silence, the kernel tries again only now and then.
_SECONDS = 180
# Writes a number each time it may: until the file is there, and at least as many.
_COUNT = 'n=0; while [ ! -e "$0" ]; do n=$((n+1)); echo $n; sleep 0.01; done; echo $n >&2'


class Commands:
    """Commands of one user that are all under way at once; `over` is a file that lets the jobs end."""

    def __init__(self, machines: TwoMachines, folder: Path) -> None:
        self.home = home = machines.start(folder / "bytecode")
        self._machines = machines
        self.over = folder / "over"
        self.going_on = threading.Event()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._threads: list[threading.Thread] = []
        self._sent = hashlib.sha256()
        self._received = hashlib.sha256()
        self._bytes = 0
        self._files = folder / "files"
        self._files.mkdir()
        self.shell = Terminal(home, "run", "-it", "-n", "shell", "--", "env", "PS1=ready> ", "sh", "-i")
        # And who watches it.
        self.terminals = [self.shell]

    def begin(self) -> None:
        """Begin all of them, and return when each has done a part."""
        self.shell.until("ready> ")
        self.terminals.append(Terminal(self.home, "attach", "--read-only", "shell"))
        counted = self.home.submit("-n", "counted", "--", "sh", "-c", _COUNT, str(self.over))
        self._start("logs", "logs", "-f", counted)
        self._start("wait", "wait", counted)
        self._start("events", "events", "--json", "--from", "start")
        (self.home.folder / "lines").write_text("sleep 0.2\n" * _BATCH)
        self._start("batch", "batch", "--lines", "--parallel", "2", "lines")
        self._start("stream", "run", "--", "cat", stdin=subprocess.PIPE)
        self._in_thread(self._feed)
        self._in_thread(self._read)
        content = os.urandom(MIB) * _FILE_MIB
        self.digest = hashlib.sha256(content).hexdigest()
        (self.home.folder / "large").write_bytes(content)
        there = self.home.submit("-n", "there", "--put", "large", "--", "true")
        self.home.jobwire("wait", there)
        with (self.home.folder / "large").open("ab") as file:
            file.write(b"!")
        self._start("put", "run", "--put", "large", "--", "sha256sum", "large")
        self._start("get", "get", there, "large:fetched")
        self.terminals[-1].until("ready> ")
        for name, process in self.running.items():
            wait_until(lambda process=process: process.poll() is not None or self._machines.has_begun(process.pid), f"{name} has begun")
        wait_until(self._is_under_way, "everything is under way", _SECONDS)

    def check(self) -> None:
        """Let all of them end, and compare."""
        self.going_on.set()
        self.shell.type(b"echo back$((1+1))\n")
        for terminal in self.terminals:
            terminal.until("back2")
        self.shell.type(b"exit 3\n")
        assert [terminal.ended() for terminal in self.terminals] == [3, 3]
        self.over.touch()
        for name, status in {"logs": 0, "wait": 0, "batch": 0, "stream": 0, "put": 0, "get": 0}.items():
            assert self.running[name].wait(_SECONDS) == status, (name, self._text(name, "err"))
        for thread in self._threads:
            thread.join(_SECONDS)
        assert self._sent.digest() == self._received.digest()
        counted = self._text("logs", "out").split()
        assert counted == [str(number) for number in range(1, len(counted) + 1)]
        assert counted[-1] in self._text("logs", "err").split()
        ended = [job["outcome"]["exit_status"] for job in self.home.records("list", "--all") if job["argv"][0] == "sleep"]
        assert ended == [0] * _BATCH
        content = (self.home.folder / "large").read_bytes()
        assert self._text("put", "out").split()[0] == hashlib.sha256(content).hexdigest()
        assert hashlib.sha256((self.home.folder / "fetched").read_bytes()).hexdigest() == self.digest
        self._check_events()

    def _check_events(self) -> None:
        wanted = {job["id"] for job in self.home.records("list", "--all")}

        def finished() -> set[str]:
            return {event["id"] for event in self._events() if event["kind"] == "finished"}

        wait_until(lambda: wanted <= finished(), "the last event is there", _SECONDS)
        cursors = [event["cursor"] for event in self._events()]
        assert len(cursors) == len(set(cursors))
        self.running["events"].send_signal(signal.SIGINT)
        self.running["events"].wait(_SECONDS)

    def _events(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self._text("events", "out").splitlines() if line.endswith("}")]

    def signal(self, number: int) -> None:
        """Send a signal to all that is running."""
        for process in (*self.running.values(), *(terminal.process for terminal in self.terminals)):
            if process.poll() is None:
                process.send_signal(number)

    def close(self) -> None:
        """End everything that is left."""
        self.going_on.set()
        self.over.touch()
        for terminal in self.terminals:
            terminal.close()
        for process in self.running.values():
            if process.poll() is None:
                process.kill()
            process.wait()
        for thread in self._threads:
            thread.join(_SECONDS)
        for process in self.running.values():
            for stream in (process.stdin, process.stdout):
                with suppress(BrokenPipeError):
                    if stream is not None:
                        stream.close()

    def _start(self, name: str, *arguments: str, stdin: int = subprocess.DEVNULL) -> None:
        with (self._files / f"{name}.out").open("wb") as out, (self._files / f"{name}.err").open("wb") as err:
            self.running[name] = subprocess.Popen(
                [*self.home.prefix, *command(*arguments)],
                stdin=stdin,
                stdout=subprocess.PIPE if stdin == subprocess.PIPE else out,
                stderr=err,
                env=self.home.env,
                cwd=self.home.folder,
            )

    def _is_under_way(self) -> bool:
        return self._bytes > 10 * MIB and self._size("logs") > 100 and bool(self._events())

    def _text(self, name: str, stream: str) -> str:
        return (self._files / f"{name}.{stream}").read_text()

    def _size(self, name: str) -> int:
        return (self._files / f"{name}.out").stat().st_size

    def _in_thread(self, work: Callable[[], None]) -> None:
        self._threads.append(threading.Thread(target=work))
        self._threads[-1].start()

    def _feed(self) -> None:
        stdin = self.running["stream"].stdin
        assert stdin is not None
        block = os.urandom(MIB)
        with suppress(BrokenPipeError):
            for number in range(_STREAM_MIB):
                if number == _STREAM_MIB // 2:
                    # The rest follows what happens in the middle.
                    self.going_on.wait(_SECONDS)
                piece = number.to_bytes(8, "big") + block
                self._sent.update(piece)
                stdin.write(piece)
            stdin.close()

    def _read(self) -> None:
        stdout = self.running["stream"].stdout
        assert stdout is not None
        while piece := os.read(stdout.fileno(), MIB):
            self._received.update(piece)
            self._bytes += len(piece)


@pytest.fixture
def commands(machines: TwoMachines, tmp_path: Path) -> Iterator[Commands]:
    made = Commands(machines, tmp_path)
    yield made
    made.close()


def stay(seconds: float) -> None:
    """Leave it as it is for a while: that time passes is what is tested."""
    select.poll().poll(seconds * 1000)


@pytest.mark.parametrize(
    ("how", "seconds"),
    [
        # Packets that vanish are the harder case: nobody is told.
        ("cut", 4.0),
        *(pytest.param(how, seconds, marks=pytest.mark.soak) for how, seconds in (("unplugged", 4.0), ("unplugged", 60.0), ("cut", 60.0))),
    ],
)
def test_everything_goes_on_after_the_cable_was_cut(machines: TwoMachines, commands: Commands, how: str, seconds: float) -> None:
    commands.begin()
    with getattr(machines.cable, how)():
        commands.shell.type(b"echo typed$((1+1))\n")
        commands.shell.until("typed have not arrived yet")
        stay(seconds)
    commands.check()


def test_everything_goes_on_after_the_worker_was_killed(machines: TwoMachines, commands: Commands) -> None:
    commands.begin()
    machines.worker.kill()
    machines.worker.start()
    commands.check()


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [4, 60])
def test_a_client_that_is_stopped_affects_no_other_and_goes_on(
    machines: TwoMachines, commands: Commands, tmp_path: Path, seconds: int
) -> None:
    commands.begin()
    commands.signal(signal.SIGSTOP)
    begun = time.monotonic()
    other = machines.home(tmp_path / "other", tmp_path / "bytecode", machines.worker.admin)
    assert other.jobwire("run", "--", "echo", "hi").stdout == b"hi\n"
    stay(max(0, begun + seconds - time.monotonic()))
    assert other.jobwire("run", "--", "echo", "hi").stdout == b"hi\n"
    commands.signal(signal.SIGCONT)
    commands.check()


def test_a_worker_that_comes_back_while_much_is_on_its_way_does_not_turn_the_client_away(machines: TwoMachines, tmp_path: Path) -> None:
    """What libzmq still has of the last connection would come before the client says who it is."""
    for machine in machines.cable.ends:
        machine.run("tc", "qdisc", "replace", "dev", "cable", "root", "tbf", "rate", "40mbit", "burst", "64k", "latency", "50ms")
    machines.laptop.run("sysctl", "-qw", "net.ipv4.tcp_wmem=4096 16384 65536")
    home = machines.start(tmp_path / "bytecode")
    content = os.urandom(20 * MIB)
    (home.folder / "content").write_bytes(content)
    with (home.folder / "content").open("rb") as stdin:
        run = subprocess.Popen(
            [*home.prefix, *command("run", "--", "sha256sum")],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=home.env,
            cwd=home.folder,
        )
    wait_until(lambda: stdin_offset(run.pid) > 8 * MIB, "much is on its way")
    machines.worker.kill()
    machines.worker.start()
    out, err = run.communicate(timeout=_SECONDS)
    assert (run.returncode, out.split()[:1]) == (0, [hashlib.sha256(content).hexdigest().encode()]), err
    assert "strangers were disconnected" not in machines.worker.logged()
    assert err.count(b"is lost") <= 1


def test_a_cable_that_is_cut_during_the_handshake_is_not_taken_for_a_worker_that_hangs(machines: TwoMachines, tmp_path: Path) -> None:
    home = machines.start(tmp_path / "bytecode")
    worker = machines.worker.process
    assert worker is not None
    # The kernel accepts connections for it.
    worker.send_signal(signal.SIGSTOP)
    try:
        with home.start("list") as asking:
            wait_until(lambda: machines.is_connected(asking.pid), "there is a connection")
            with machines.cable.cut():
                said = asking.communicate(timeout=_SECONDS)[1].decode()
    finally:
        worker.send_signal(signal.SIGCONT)
    assert asking.returncode == 125
    assert "the host accepted a connection a moment ago, and now nothing answers at all: the line is cut" in said
    assert f"ping {LAB_ADDRESS}\n" in said


def stdin_offset(pid: int) -> int:
    """Return how much a process has read of the file that is its standard input."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/fdinfo/0").read_text().split()[1])
    return 0
