"""Give a reader many wrong inputs: `python tests/fuzz/fuzz.py TARGET --count 1000000 [--seed N]`.

The first input that is not refused in an orderly way, or takes long, ends it with the seed and the input, in hex.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
import traceback
from itertools import islice

from mutation import mutations
from targets import TARGETS, Target

# Of the processor, for one input of at most 256 KiB; and for each job that is made of it, as one line can ask for 100,000.
_MOST_SECONDS = 4.0
_MOST_SECONDS_A_JOB = 0.002


def fuzz(target: Target, seed: int, *, count: int | None = None, seconds: float | None = None) -> int:
    """Try inputs until there were so many, or so much time has passed; say how many. Raises AssertionError with one that failed."""
    until = None if seconds is None else time.monotonic() + seconds
    tried = 0
    for data in islice(mutations(target.seeds, seed, target.words), count):
        began = time.process_time()
        try:
            jobs = target.read(data) or 0
        except Exception:  # noqa: BLE001 -- whatever it is: it should have been refused
            raise AssertionError(f"input {tried} of seed {seed}: {data.hex()}\n{traceback.format_exc()}") from None
        took = time.process_time() - began
        assert took < _MOST_SECONDS + jobs * _MOST_SECONDS_A_JOB, f"input {tried} of seed {seed} took {took:.1f} s: {data.hex()}"
        tried += 1
        if until is not None and time.monotonic() >= until:
            break
    return tried


def main() -> None:
    """Read the arguments and fuzz."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=None)
    said = parser.parse_args()
    seed = secrets.randbits(32) if said.seed is None else said.seed
    print(f"{said.target}: seed {seed}", flush=True)
    try:
        print(f"{said.target}: {fuzz(TARGETS[said.target], seed, count=said.count)} inputs, nothing found", flush=True)
    except AssertionError as found:
        sys.exit(f"{said.target}: {found}")


if __name__ == "__main__":
    main()
