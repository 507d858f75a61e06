"""Give a program a time limit, and read what it had written by then.

    python examples/deadline.py SECONDS COMMAND [ARG]...

Prints the output of the command. Exits with its status, or with 124 if it took longer, as timeout(1) does.
"""

from __future__ import annotations

import sys

import jobwire

TIMED_OUT = 124


def main(seconds: float, argv: list[str]) -> int:
    """Return the exit status."""
    with jobwire.Client() as client:
        try:
            done = client.run(argv, timeout=seconds)
        except jobwire.JobTimeout as late:
            # The job and everything that it started are gone by now.
            sys.stdout.write((late.stdout or b"").decode(errors="replace"))
            return TIMED_OUT
    sys.stdout.write(done.stdout.decode(errors="replace"))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
