"""How a member that attacks affects others: how long a list and a start take meanwhile, and how large the worker becomes.

The attacker takes processor time of this machine as well, so the same is measured on another worker of it meanwhile: what that one's
members notice is not the attacked worker's doing.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter_ns

from stage import Ground, Stage, within
from table import Line, Pairs, amount, at_most

# Next to the folder of this file, as pytest finds it.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

from processes import peak_bytes

from jobwire.client.library.client import Client
from jobwire.keys.identity import from_seed
from jobwire.keys.members import roster

_ATTACKER = Path(__file__).resolve().parents[2] / "support" / "attackers" / "attacker.py"
_SLOTS = 4
_WORST = 0.99
_MOST_MB = 256
_END_SECONDS = 10
# A delay is a figure; if there is no reply at all, that is reported.
_MOST_SECONDS = 240
_WHATS = {
    "follow": "one follows 200 logs and reads none",
    "subscribe": "one subscribes without end",
    "frames": "one sends messages of 600 frames",
    "strangers": "2,000 connections never shake hands",
    "lists": "one asks for 10,000 lists and reads none",
    "topics": "one subscribes to topics that were never granted",
    "keys": "one names the same job 120,000 times in a stop",
    "handshake": "100 strangers send 8 MB each inside the handshake",
    "parts": "one sends a message in parts without end",
    "heartbeats": "one sends heartbeats without end",
    "mute": "300 connections shake hands and say nothing",
    "again": "300 connections shake hands, say nothing and come again at once",
    "hellos": "one says 10,000 hellos and reads no answer",
    "schedules": "one adds schedules and removes them without end",
    "replays": "one asks for all events without end",
    "abandoned": "one asks for 200 lists, leaves and comes again",
    "changes": "one changes as many jobs as it may in one request, again and again",
    "chains": "one starts chains of as many jobs as it may and stops them",
    "large_parts": "one stages parts as large as they may be and drops them",
}


def measure(ground: Ground) -> list[Line]:
    """Measure each attack on a worker of its own, in turns with one that nobody attacks: before the attack, and during it."""
    return [line for attack, what in _WHATS.items() for line in _one(ground, attack, what)]


def _one(ground: Ground, attack: str, what: str) -> list[Line]:
    rounds, count, turns = (2, 50, 2) if ground.quick else (4, 150, 5)
    seed = secrets.token_bytes(32)
    # After an attack a worker may be busy for a while with what is left of it.
    spared, stage = ground.stage(slots=_SLOTS), ground.stage(slots=_SLOTS)
    for one in (spared, stage):
        roster.add_member(one.roster, "insider", from_seed(seed).public, "submitter")
    quiet: list[float] = []
    beside: list[float] = []
    elsewhere: list[float] = []
    with spared, spared.client() as other, stage, stage.client() as client, within(_MOST_SECONDS, f"the attack {attack}"):
        for each in (other, client):
            _sample(each, 20)
        for _ in range(rounds):
            quiet += _sample(other, count)
            with attacking(stage, attack, seed):
                for _ in range(turns):
                    beside += _sample(client, count // turns)
                    elsewhere += _sample(other, count // turns)
        peak = peak_bytes(stage.pids["worker"]) / 1e6
    note = f"{len(quiet)} samples; limit: the same on a worker that nobody attacks"
    return [
        Pairs(quiet, beside).line_at(_WORST, f"a list and a start while {what}, p99", "ms", at_most(3, 2), note=note),
        Pairs(quiet, elsewhere).line_at(_WORST, f"on another worker while {what}, p99", "ms", at_most(3, 2), judged=False),
        amount(f"largest RSS of a worker while {what}", peak, at_most(_MOST_MB, _MOST_MB / 2, "MB")),
    ]


@contextmanager
def attacking(stage: Stage, attack: str, seed: bytes) -> Iterator[None]:
    """Run an attack meanwhile."""
    endpoint, key = str(stage.description["endpoint"]), str(stage.description["key"])
    command = [sys.executable, str(_ATTACKER), attack, endpoint, key, seed.hex()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            if process.stdout.readline() != b"begun\n":
                raise RuntimeError(f"the attack {attack} did not begin")
            yield
            still_attacks = process.poll() is None
            process.stdin.close()
            process.wait(_END_SECONDS)
        finally:
            process.kill()
    if not still_attacks:
        raise RuntimeError(f"the attack {attack} ended by itself")


def _sample(client: Client, count: int) -> list[float]:
    """Time a list and the durable acknowledgement of a start, in milliseconds."""
    times = []
    for _ in range(count):
        begun = perf_counter_ns()
        next(client.list(), None)
        job = client.submit(["/bin/true"])
        times.append((perf_counter_ns() - begun) / 1e6)
        job.wait()
    return times
