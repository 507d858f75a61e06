"""Run many commands at once and handle each result as soon as it is there.

    python examples/fan_out.py FILE...

Counts the words of each file on the worker, and prints a line for each file as its job ends. Exits with 1 if any failed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jobwire


def main(paths: list[str]) -> int:
    """Return the exit status."""
    with jobwire.Client() as client:
        jobs = client.submit_many([["wc", "-w", str(Path(path).absolute())] for path in paths])
        path_of = dict(zip((job.id for job in jobs), paths, strict=True))
        failed = False
        while jobs:
            for job in client.wait(jobs, any=True):
                jobs.remove(job)
                outcome = job.outcome
                if outcome is not None and job.returncode == 0:
                    print(path_of[job.id], job.stdout.read().split()[0].decode())
                else:
                    failed = True
                    print(path_of[job.id], "failed:", outcome and outcome.sentence)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
