"""The texts of batch files, as tests read them."""

import json
from pathlib import Path
from typing import Any

import pytest

from jobwire.client.batch.batch_file import Batch, read_batch
from jobwire.client.batch.options.job_options import Surroundings
from jobwire.schemas.refusal import Code, Refused

AROUND = Surroundings(Path("/tmp"))

WHOLE = b"""
[batch]
name = "nightly"
parallel = 4

[defaults]
time_limit = "30m"
env = { LANG = "C.UTF-8", A = "default" }
labels = ["night=yes"]

[[job]]
name = "fetch"
argv = ["/usr/bin/curl", "-fO"]
env = { A = "own" }

[[job]]
name = "load"
argv = ["/srv/load", "--all"]
dir = "/srv"
time_limit = 90
stdin = { text = "yes\\n" }
stop = { signal = "INT", grace = "20s" }
labels = { team = "x" }
"""


def read(text: bytes, *, lines: bool = False) -> Batch:
    return read_batch(text, "jobs.toml", AROUND, lines=lines)


def refusal(text: bytes, *, lines: bool = False) -> str:
    with pytest.raises(Refused) as refused:
        read(text, lines=lines)
    assert refused.value.code is Code.INVALID_ARGUMENT
    return str(refused.value)


def record(**fields: Any) -> bytes:
    unsaid = {"name": "", "dir": "", "env": {}, "labels": {}, "time_limit_ms": None, "grace_ms": None, "output_limit_bytes": None}
    past = {"id": "x", "state": "finished", "owner": "k", "owner_name": "me", "batch": None, "process": None, "pid": 3, "outcome": {}}
    past |= {"queued_at": "t", "started_at": None, "ended_at": None, "paused": False, "waits_for": None, "attempt": 1}
    return json.dumps({**past, **unsaid, "linger": False, "stop_signal": 15, **fields}).encode()
