"""`logs --verify` and `verify --logs`: only what the worker has hashed and signed is printed, and what differs is named."""

from __future__ import annotations

import subprocess

from daemons import Worker, wait_until
from home import Home

BLOCK = 1024 * 1024
CONTENT = b"y\n" * (5 * BLOCK // 4)
# It was asked for the jobs itself, so it is not trusted without that: it may be a broker.
LAB = ("--worker", "lab")


def verified(home: Home, name: str, *options: str, status: int | None = 0) -> subprocess.CompletedProcess[bytes]:
    return home.jobwire("logs", name, "--verify", *LAB, *options, status=status)


def hashed(home: Home, name: str) -> bool:
    """Return whether the output of a job can be checked by now."""
    return verified(home, name, "--bytes", "1", status=None).returncode == 0


def test_output_is_printed_as_far_as_it_is_what_was_signed(worker: Worker, own_home: Home) -> None:
    home = own_home
    home.jobwire("run", "-n", "big", "--", "sh", "-c", f"yes | head -c {len(CONTENT)}; echo oh >&2")
    wait_until(lambda: hashed(home, "big"), "its output is hashed")
    done = verified(home, "big")
    assert (done.stdout, done.stderr) == (CONTENT, b"oh\n")
    assert verified(home, "big", "--stdout", "--from", str(BLOCK - 1), "--bytes", "3").stdout == CONTENT[BLOCK - 1 : BLOCK + 2]
    home.jobwire("show", "big", "--proof", "-o", "proof.json")
    home.jobwire("logs", "big", "--to", "out")
    home.jobwire("verify", "proof.json", *LAB, "--logs", "out")
    assert b"which is not one of the workers that you trust" in home.jobwire("logs", "big", "--verify", status=1).stderr
    (log,) = [one for one in worker.logs.glob("*/stdout") if one.stat().st_size == len(CONTENT)]
    for file in (log, home.folder / "out" / "big.stdout"):
        with file.open("r+b") as altered:
            altered.seek(BLOCK + 7)
            altered.write(b"X")
    wrong = verified(home, "big", status=1)
    assert wrong.stdout == CONTENT[:BLOCK]
    said = f"stdout differs from what is signed in block 2, bytes {BLOCK} to {2 * BLOCK - 1}"
    assert said in wrong.stderr.decode()
    assert said in home.jobwire("verify", "proof.json", *LAB, "--logs", "out", status=1).stdout.decode()


def test_options_that_do_not_go_together_are_named(home: Home) -> None:
    assert b"--verify takes no" in home.jobwire("logs", "last", "--verify", "--follow", status=2).stderr
    assert b"add --verify" in home.jobwire("logs", "last", "--worker", "x", status=2).stderr
