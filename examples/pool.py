"""Run one command for each file with a pool of jobs, as a process pool runs functions.

    python examples/pool.py PARALLEL FILE...

Prints a line for each file, in their order: the checksum that the worker computed. Ctrl-C cancels what is still queued.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jobwire


def main(parallel: int, paths: list[str]) -> int:
    """Return the exit status."""
    with jobwire.JobExecutor(max_workers=parallel) as pool:
        futures = [pool.submit(["sha256sum", str(Path(path).absolute())], text=True, check=True) for path in paths]
        try:
            for future in futures:
                print(future.result().stdout, end="")
        except jobwire.JobFailed as failed:
            print(failed, failed.stderr, file=sys.stderr)
            pool.shutdown(cancel_futures=True)
            return 1
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
