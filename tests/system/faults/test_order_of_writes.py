"""What is durable before what, seen by the kernel: system calls of worker and supervisor during one start, as strace(1) orders them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from house import PATIENCE_SECONDS

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

_CALLS = "fdatasync,recvfrom,sendto,mkdir,openat,execve,rename"


@contextmanager
def _traced(pids: list[int], output: Path) -> Iterator[None]:
    said = output.with_suffix(".said")
    command = ["strace", "-f", "-yy", "-s", "0", "-o", str(output), "-e", f"trace={_CALLS}", *(f"-p{pid}" for pid in pids)]
    with said.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_until(lambda: process.poll() is not None or said.read_text().count("attached") >= len(pids), "strace attaches")
        if process.poll() is not None:
            pytest.skip(f"strace may not look at processes here: {said.read_text()}")
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def _calls(output: Path) -> list[str]:
    """Return the calls, each where it returned; those that strace shows in two parts are joined."""
    begun: dict[str, str] = {}
    calls: list[str] = []
    for line in output.read_text().splitlines():
        pid, text = line.split(maxsplit=1)
        if text.endswith("<unfinished ...>"):
            begun[pid] = text.removesuffix("<unfinished ...>")
            if text.startswith(("sendto", "execve")):
                # Its effects happen some time after it began.
                calls.append(text)
        elif found := re.match(r"<\.\.\. \w+ resumed>", text):
            whole = begun.pop(pid, "") + text[found.end() :]
            if not whole.startswith(("sendto", "execve")):
                calls.append(whole)
        else:
            calls.append(text)
    return calls


def _first(calls: list[str], pattern: str, after: int = -1) -> int:
    for number, call in enumerate(calls[after + 1 :], after + 1):
        if re.search(pattern, call):
            return number
    raise AssertionError(f"no {pattern} after number {after} of:\n" + "\n".join(calls))


def test_a_start_is_on_disk_before_it_is_acknowledged_and_its_intent_before_the_fork(worker: Worker, tmp_path: Path) -> None:
    described = worker.described()
    output = tmp_path / "calls"
    with worker.client() as client:
        # Connected and greeted before, so that only this request is sent from now on.
        client.hello()
        with _traced([described["pid"], described["supervisor_pid"]], output):
            assert client.submit(["/bin/true"]).wait(PATIENCE_SECONDS) == 0
    calls = _calls(output)
    print("\n".join(calls))
    asked = _first(calls, r"recvfrom\(\d+<TCP.* = [1-9]")
    synced = _first(calls, r"fdatasync\(\d+<.*state\.db-wal.* = 0", asked)
    answered = _first(calls, r"sendto\(\d+<TCP", asked)
    assert asked < synced < answered
    folder = _first(calls, r'mkdir\(".*/\.new-')
    intent = _first(calls, r'openat\(.*/\.new-.*/job", O_WRONLY', folder)
    forked = _first(calls, r"execve\(")
    named = _first(calls, r"rename\(.*\.new-")
    # That it may have been started is durable before it can be started.
    assert synced < folder < intent < forked
    assert intent < named
