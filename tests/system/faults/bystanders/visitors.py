"""A member at the command line, beside the soak: streams, files and terminals, of which it compares every byte itself.

Each visit is one job. It may fail where it touches a gap in which supervisor and keeper were both dead, and where its command could not
reach a worker that was just being started again. What is typed while a connection is lost may be lost, and is typed again.
"""

from __future__ import annotations

import hashlib
import os
import random
import select
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from home import Home, Terminal, command
from house import House

_LARGEST_BYTES = 24 * 1024 * 1024
_PIECE_BYTES = 64 * 1024
_VISIT_SECONDS = 180
_TYPE_AGAIN_SECONDS = 10
_NO_WORKER = b"no connection to"
_KILLED = 0.3
_LEAVE = b"\x1d\x1d\x1d"


class Visitor:
    """One member, one visit after the other on a thread, until `stop`."""

    def __init__(self, house: House, folder: Path, seed: int) -> None:
        self._house = house
        identity = house.worker.add("visitor", "submitter")
        self.owner = identity.public
        self._home = Home(folder / "visitor", folder / "bytecode", "visitor")
        self._home.use(house.worker, identity)
        self._dice = random.Random(seed)
        self._over = threading.Event()
        self.visits = 0
        self.killed = 0
        self.problems: list[str] = []
        self._thread = threading.Thread(target=self._visit_all, name="visitor")
        self._thread.start()

    def stop(self) -> None:
        """End with the visit that is under way, and the jobs whose commands were killed."""
        if self._thread.is_alive():
            self._over.set()
            self._thread.join()
            self._home.stop_all()

    def _visit_all(self) -> None:
        while not self._over.is_set():
            begin_us = time.time_ns() // 1000
            visit = self._dice.choice((self._stream, self._stream, self._send_and_fetch, self._sit_at_a_terminal))
            try:
                problem = visit()
            except (AssertionError, OSError, subprocess.TimeoutExpired) as failed:
                problem = f"{failed}"
            self.visits += 1
            if problem and not any(gap.touches(begin_us, time.time_ns() // 1000) for gap in list(self._house.gaps)):
                self.problems.append(f"visitor, {visit.__name__.strip('_')}: {problem}")

    def _stream(self) -> str:
        """Pass bytes through a job, sometimes slowly; sometimes the command is killed in the middle."""
        content = self._dice.randbytes(self._dice.randint(0, _LARGEST_BYTES))
        dies = self._dice.random() < _KILLED
        pause_ms = self._dice.choice((0, 0, 5))
        with subprocess.Popen(
            command("run", "--", "cat"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._home.env,
            cwd=self._home.folder,
        ) as run:
            stdin = run.stdin
            assert stdin is not None

            def feed() -> None:
                with suppress(BrokenPipeError):
                    for at in range(0, len(content), _PIECE_BYTES):
                        stdin.write(content[at : at + _PIECE_BYTES])
                        select.poll().poll(pause_ms)
                        if dies and at > len(content) // 2:
                            run.kill()
                with suppress(BrokenPipeError):
                    stdin.close()

            feeder = threading.Thread(target=feed)
            feeder.start()
            # `communicate` would close it.
            run.stdin = None
            out, err = run.communicate(timeout=_VISIT_SECONDS)
            feeder.join()
        if run.returncode == -signal.SIGKILL:
            self.killed += 1
            return "" if content.startswith(out) else f"of {len(content)} bytes others came back, until it was killed"
        if run.returncode and _NO_WORKER in err:
            return ""
        if (run.returncode, out) == (0, content):
            return ""
        return f"{len(content)} bytes went in, {len(out)} came out, status {run.returncode}: {err.decode()}"

    def _send_and_fetch(self) -> str:
        content = self._dice.randbytes(self._dice.randint(0, _LARGEST_BYTES))
        (self._home.folder / "sent").write_bytes(content)
        ended = self._home.jobwire("run", "--put", "sent", "--get", "copied", "--", "cp", "sent", "copied", status=None)
        if ended.returncode and _NO_WORKER in ended.stderr:
            return ""
        if ended.returncode:
            return f"{len(content)} bytes sent and fetched, status {ended.returncode}: {ended.stderr.decode()}"
        found = hashlib.sha256((self._home.folder / "copied").read_bytes()).hexdigest()
        return "" if found == hashlib.sha256(content).hexdigest() else f"{len(content)} bytes were sent, and others fetched"

    def _sit_at_a_terminal(self) -> str:
        """Type, leave, return, type, and end it with a status."""
        status = self._dice.randint(1, 99)
        shell = Terminal(self._home, "run", "-it", "--", "env", "PS1=ready> ", "sh", "-i")
        try:
            if not self._typed(shell, b"", "ready> "):
                return "" if _NO_WORKER in shell.screen else f"no prompt: {shell.screen!r}"
            if not self._typed(shell, b"echo one$((1+1))\n", "one2"):
                return f"nothing came back: {shell.screen[-500:]!r}"
            shell.type(_LEAVE)
            if shell.ended():
                return f"it could not be left: {shell.screen[-500:]!r}"
            job = shell.screen.split()[-1].decode()
        finally:
            shell.close()
        again = Terminal(self._home, "attach", job)
        try:
            if not self._typed(again, b"echo two$((2+1))\n", "two3"):
                return "" if _NO_WORKER in again.screen else f"nothing came back after the return: {again.screen[-500:]!r}"
            if not self._typed(again, b"exit %d\n" % status, ""):
                return f"it did not end: {again.screen[-500:]!r}"
            found = again.process.returncode
            return "" if found == status else f"status {found} and not {status}: {again.screen[-500:]!r}"
        finally:
            again.close()
            self._home.jobwire("stop", "--now", job, status=None)

    def _typed(self, terminal: Terminal, keys: bytes, answer: str) -> bool:
        """Type until the answer is shown, or without one, until the command has ended."""
        deadline = time.monotonic() + _VISIT_SECONDS
        while time.monotonic() < deadline:
            if keys:
                with suppress(OSError):
                    terminal.type(keys)
            until = time.monotonic() + _TYPE_AGAIN_SECONDS
            while (left := until - time.monotonic()) > 0:
                if answer and answer.encode() in terminal.screen:
                    return True
                if select.select([terminal.master], [], [], left)[0]:
                    try:
                        terminal.screen += os.read(terminal.master, 65536)
                    except OSError:
                        terminal.process.wait(_VISIT_SECONDS)
                        return not answer or answer.encode() in terminal.screen
        return False
