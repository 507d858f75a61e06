"""The worker's process: what `jobwire worker run` becomes. Knows no command line; it is told one JSON object."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from ..schemas.job import OWN_FAILURE_STATUS
from ..schemas.refusal import Code, Refused
from . import reload
from .daemon import WorkerSettings, serve

_OUR_FAILURE = {Code.UNAVAILABLE, Code.INTERNAL}
_REFUSED_STATUS = 1


def announce(line: str) -> None:
    """Print a line, past the interpreter's buffers; a worker goes on where nobody can take it."""
    try:
        os.write(1, line.encode())
    except OSError as error:
        logging.getLogger(__name__).warning("the standard output cannot be written: %s", error.strerror)


def main(told: dict[str, Any]) -> int:
    """Serve until told to end; get the exit status.

    `settings` are those of WorkerSettings; `ready_fd` gets the description when ready, if it is not -1; else `announce` prints a line.
    `resumed`, where it is told: this process was the worker before, and executed itself.
    """
    # Whoever started us may have ignored or blocked what is relied on here: the ends of children, for instance.
    reload.forget_dispositions()
    os.umask(0o077)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO, stream=sys.stderr)
    fields = told["settings"]
    settings = WorkerSettings(**{**fields, **{name: Path(fields[name]) for name in ("state", "roster", "directory")}})

    def ready(description: dict[str, Any]) -> None:
        if told["ready_fd"] >= 0:
            os.write(told["ready_fd"], json.dumps(description).encode() + b"\n")
            os.close(told["ready_fd"])
        elif told["announce"]:
            announce(f"worker ready at {description['endpoint']}, key {description['key']}\n")

    try:
        resumed = asyncio.run(serve(settings, ready, reload.from_json(told.get("resumed"))))
        if resumed is not None:
            reload.become_anew({**fields, "listen": resumed.listen, "event_listen": resumed.event_listen}, resumed)
    except Refused as refused:
        print(f"jobwire: {refused}", file=sys.stderr)  # noqa: T201 -- a message
        return OWN_FAILURE_STATUS if refused.code in _OUR_FAILURE else _REFUSED_STATUS
    return 0


if __name__ == "__main__":
    sys.exit(reload.probe() if sys.argv[1] == reload.PROBE else main(json.loads(sys.argv[1])))
