"""Run a script on the worker's machine, give it more work while it runs, and fetch what it made of it.

    python examples/steer.py SCRIPT FILE...

The script finds each FILE in the folder `in` below its own folder, one after the other, and `in/end` after the last one; what it has
written to `out` when it exits is fetched into the current folder. Exits with the script's status.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import jobwire


def main(script: str, files: list[str]) -> int:
    """Return the exit status."""
    with jobwire.Client() as client, tempfile.NamedTemporaryFile() as end:
        job = client.submit([], script=script, get="out")
        for file in files:
            job.put([(file, "in/")])
        job.put([(end.name, "in/end")])
        status = job.wait()
        for fetched in job.get():
            print(f"{fetched.path}: {fetched.size_bytes} bytes")
        return status


if __name__ == "__main__":
    sys.exit(main(str(Path(sys.argv[1])), sys.argv[2:]))
