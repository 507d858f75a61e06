"""What a job writes arrives byte for byte: in `run`, in `logs`, in `logs -f`, in the library."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest
from daemons import Worker
from home import Home

PYTHON = (sys.executable, "-S", "-c")
BINARY = (
    "import random, sys; data = random.Random(7).randbytes(300_001); sys.stdout.buffer.write(data); sys.stderr.buffer.write(data[::-1])"
)
TINY = "import os\nfor number in range(10_000): os.write(1 + number % 2, b'%d\\n' % number)"
# The child is told to end when its parent has ended, and has more to say.
LATE = """
import os, signal
told, tell = os.pipe()
if os.fork():
    os.read(told, 1)
    os.write(1, b"leader\\n")
    os._exit(0)
def more(*_):
    for number in range(1000):
        os.write(1, b"late %d\\n" % number)
    os._exit(0)
signal.signal(signal.SIGTERM, more)
os.write(tell, b".")
while True:
    signal.pause()
"""


def everywhere(home: Home, worker: Worker, *argv: str) -> tuple[bytes, bytes]:
    """Run a job, read its output in every way, and return it once all are equal."""
    ran = home.jobwire("run", "--", *argv)
    (shown,) = home.records("show", "last")
    seen = {(ran.stdout, ran.stderr)}
    for options in ([], ["-f"]):
        read = home.jobwire("logs", *options, shown["id"])
        seen.add((read.stdout, read.stderr))
    with worker.client() as client:
        result = client.job(shown["id"]).result(timeout=60)
        seen.add((result.stdout, result.stderr))
    assert len(seen) == 1
    assert (shown["outcome"]["stdout_bytes"], shown["outcome"]["stderr_bytes"]) == (len(ran.stdout), len(ran.stderr))
    return ran.stdout, ran.stderr


def test_bytes_that_are_not_text(home: Home, shared_worker: Worker) -> None:
    stdout, stderr = everywhere(home, shared_worker, *PYTHON, BINARY)
    assert stdout == stderr[::-1]
    assert len(stdout) == 300_001


def test_a_last_line_without_its_newline(home: Home, shared_worker: Worker) -> None:
    assert everywhere(home, shared_worker, "printf", "a\\nb") == (b"a\nb", b"")


def test_ten_thousand_tiny_writes(home: Home, shared_worker: Worker) -> None:
    written = [b"".join(b"%d\n" % number for number in range(first, 10_000, 2)) for first in (0, 1)]
    assert list(everywhere(home, shared_worker, *PYTHON, TINY)) == written


def test_what_is_written_after_the_end_of_the_leader(home: Home, shared_worker: Worker) -> None:
    stdout, _ = everywhere(home, shared_worker, *PYTHON, LATE)
    assert stdout == b"leader\n" + b"".join(b"late %d\n" % number for number in range(1000))


def test_what_a_leader_sends_elsewhere_is_in_no_log(home: Home, shared_worker: Worker, tmp_path: Path) -> None:
    script = f"echo before; exec > {tmp_path}/own; echo hidden; echo seen >&2"
    assert everywhere(home, shared_worker, "sh", "-c", script) == (b"before\n", b"seen\n")
    assert (tmp_path / "own").read_bytes() == b"hidden\n"


def test_opening_dev_stderr_anew_truncates_nothing(home: Home, shared_worker: Worker) -> None:
    script = "echo a >&2; echo b > /dev/stderr; echo c >&2; echo d; echo e > /dev/stdout; echo f"
    assert everywhere(home, shared_worker, "sh", "-c", script) == (b"d\ne\nf\n", b"a\nb\nc\n")


def test_one_line_of_fifty_megabytes(home: Home) -> None:
    ran = home.jobwire("run", "--", "sh", "-c", "head -c 50000000 /dev/zero | tr '\\0' x")
    assert (len(ran.stdout), ran.stdout.count(b"x")) == (50_000_000, 50_000_000)


@pytest.mark.soak
def test_one_line_of_a_gigabyte(home: Home, shared_worker: Worker) -> None:
    home.jobwire("submit", "-q", "-n", "long", "--", "sh", "-c", "head -c 1000000000 /dev/zero | tr '\\0' x")
    whole = hashlib.sha256()
    with shared_worker.client() as client:
        job = next(client.job(info.id) for info in client.list(all=True) if info.name == "long")
        while part := job.stdout.read(1 << 20):
            whole.update(part)
        assert job.wait(timeout=600) == 0
    expected = hashlib.sha256()
    for _ in range(1000):
        expected.update(b"x" * 1_000_000)
    assert whole.hexdigest() == expected.hexdigest()
