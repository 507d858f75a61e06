"""What a worker prints when its loop does nothing else for a while; in a process of its own, because pytest uses faulthandler too."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jobwire.worker.own_process import stalls

_PROGRAM = """
import asyncio, select, sys
from jobwire.worker.own_process import stalls

def does_nothing_else():
    select.poll().poll(1300)

async def main():
    await asyncio.sleep(1.3)
    print("slept", file=sys.stderr, flush=True)
    does_nothing_else()

loop = stalls.new_loop()
loop.run_until_complete(main())
loop.close()
"""


def test_a_loop_that_is_blocked_is_named_and_one_that_waits_is_not() -> None:
    environment = {**os.environ, stalls.VARIABLE: "1"}
    ended = subprocess.run([sys.executable, "-c", _PROGRAM], env=environment, stderr=subprocess.PIPE, text=True, timeout=60, check=True)
    idle, _, blocked = ended.stderr.partition("slept\n")
    assert idle == ""
    assert "does_nothing_else" in blocked


@pytest.mark.parametrize("told", ["", "0", "soon"])
def test_without_the_variable_the_loop_is_an_ordinary_one(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(stalls.VARIABLE, told)
    loop = stalls.new_loop()
    loop.close()
    assert "_WatchedSelector" not in str(vars(loop))
