"""The program of the worker. Knows no command line: its settings are one JSON object."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from ..broker.own_process.collector import follow_collections
from ..schemas.jobs.reserved_statuses import OWN_FAILURE
from ..schemas.refusal import Code, Refused
from ..schemas.text.printable import printable
from . import reload
from .daemon import serve
from .own_process import daemon_loop
from .settings import WorkerSettings

_OUR_FAILURE = {Code.UNAVAILABLE, Code.INTERNAL}
_REFUSED_STATUS = 1


def announce(line: str) -> None:
    """Print a line, unbuffered. A worker continues if stdout cannot be written."""
    try:
        os.write(1, line.encode())
    except OSError as error:
        logging.getLogger(__name__).warning("the standard output cannot be written: %s", error.strerror)


def main(told: dict[str, Any]) -> int:
    """Serve until a signal ends it, and return the exit status.

    `settings` are those of WorkerSettings. When the worker is ready, its description is written to `ready_fd` unless that is -1; else, with
    `announce`, a line is printed. `resumed` is set if this process was the worker before and executed itself.
    """
    # The process that started the worker may have ignored or blocked signals that it needs, such as SIGCHLD.
    reload.forget_dispositions()
    os.umask(0o077)
    follow_collections()
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
        resumed = daemon_loop.run(lambda closing: serve(settings, ready, closing, reload.from_json(told.get("resumed"))))
        if resumed is not None:
            reload.become_anew({**fields, "listen": resumed.listen, "event_listen": resumed.event_listen}, resumed)
    except Refused as refused:
        print(f"jobwire: {printable(str(refused))}", file=sys.stderr)  # noqa: T201 -- a message
        return status_of(refused)
    return 0


def status_of(refused: Refused) -> int:
    """Return the exit status of a daemon that could not start."""
    return OWN_FAILURE if refused.code in _OUR_FAILURE else _REFUSED_STATUS
