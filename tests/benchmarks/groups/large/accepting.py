"""How long another member waits while a batch of 100,000 jobs is accepted, and how long that takes."""

from __future__ import annotations

import secrets
import subprocess
import sys
from time import perf_counter_ns

from stage import Ground, within
from table import Line, amount, at_most

from jobwire.client.library.client import Client
from jobwire.keys.identity import from_seed, parse_public
from jobwire.keys.members import roster

_SLOTS = 4
_MOST_SECONDS = 120
# Held: what is measured is that they are accepted, not that they run.
_SUBMIT = """
import sys, uuid
from time import perf_counter
from jobwire.client.library.client import Client
from jobwire.client.library.options.specs import job_spec
from jobwire.client.library.values.results import BatchInfo
from jobwire.keys.identity import from_seed, parse_public

endpoint, key, seed, jobs = sys.argv[1:]
with Client.connect(endpoint, parse_public(key), from_seed(bytes.fromhex(seed))) as client:
    client.hello()
    print("begins", flush=True)
    sys.stdin.readline()
    begun = perf_counter()
    client.submit_many([job_spec(["true"], hold=True)] * int(jobs), batch=BatchInfo(uuid.uuid4().bytes))
    print(perf_counter() - begun, flush=True)
"""


def measure(ground: Ground) -> list[Line]:
    """Measure lists and starts of another member, one after the other, from the first part to the acknowledgement."""
    jobs = 20_000 if ground.quick else 100_000
    seed, other = secrets.token_bytes(32), secrets.token_bytes(32)
    stage = ground.stage(slots=_SLOTS)
    for name, its in (("many", seed), ("other", other)):
        roster.add_member(stage.roster, name, from_seed(its).public, "submitter")
    with stage, within(_MOST_SECONDS, f"accepting {jobs} jobs"):
        endpoint, key = str(stage.description["endpoint"]), str(stage.description["key"])
        with Client.connect(endpoint, parse_public(key), from_seed(other)) as client:
            command = [sys.executable, "-c", _SUBMIT, endpoint, key, seed.hex(), str(jobs)]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdin
                assert process.stdout
                process.stdout.readline()
                lists, starts = _sample(client, 50, None)
                quiet = max(*lists, *starts)
                process.stdin.close()
                lists, starts = _sample(client, 0, process)
                seconds = float(process.stdout.read())
    what = f"while {jobs:,} jobs are accepted"
    note = f"{len(lists) + len(starts)} samples in {seconds:.1f} s; longest without that: {quiet:.1f} ms"
    return [amount(f"longest list or start of another member {what}", max(*lists, *starts), at_most(50, 10, "ms"), note=note)]


def _sample(client: Client, least: int, until: subprocess.Popen[str] | None) -> tuple[list[float], list[float]]:
    """Return how long lists and starts take, in milliseconds."""
    lists: list[float] = []
    starts: list[float] = []
    while len(lists) < least or (until is not None and until.poll() is None):
        begun = perf_counter_ns()
        list(client.list(limit=1))
        listed = perf_counter_ns()
        job = client.submit(["true"], watch=False)
        starts.append((perf_counter_ns() - listed) / 1e6)
        lists.append((listed - begun) / 1e6)
        job.wait()
    return lists, starts
