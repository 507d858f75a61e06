"""Run one command for each line of a file, some at once, on an event loop; stop all if one fails.

    python examples/gather.py FILE PARALLEL COMMAND [ARG]...

The line is the last argument of the command. Prints the output of each command as it ends. Exits with 1 if one failed: the others, which
are cancelled, are stopped on the worker.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import jobwire


async def main(lines: list[str], parallel: int, argv: list[str]) -> int:
    """Return the exit status."""
    free = asyncio.Semaphore(parallel)

    async with jobwire.AsyncClient() as client:

        async def run(line: str) -> None:
            async with free:
                done = await client.run([*argv, line], text=True, errors="replace", check=True)
                print(done.stdout, end="", flush=True)

        status = 0
        try:
            async with asyncio.TaskGroup() as group:
                for line in lines:
                    group.create_task(run(line))
        except* jobwire.JobFailed as failed:
            print(failed.exceptions[0], file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]).read_text().splitlines(), int(sys.argv[2]), sys.argv[3:])))
