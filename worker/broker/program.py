"""The program of the broker. Knows no command line: its settings are one JSON object."""

from __future__ import annotations

import logging
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from ...broker.own_process.collector import follow_collections
from ...schemas.refusal import Refused
from ...schemas.text.printable import printable
from .. import reload
from ..own_process import daemon_loop
from ..program import announce, status_of
from .daemon import serve
from .settings import BrokerSettings


def main(told: dict[str, Any]) -> int:
    """Serve until a signal ends it, and return the exit status. Prints a line when it is ready."""
    reload.forget_dispositions()
    # It has nothing to reload: if its terminal is closed, it exits as on SIGTERM.
    signal.signal(signal.SIGHUP, signal.SIG_IGN if reload.outlives_terminal() else _end)
    os.umask(0o077)
    follow_collections()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO, stream=sys.stderr)
    settings = BrokerSettings(**{**told, **{name: Path(told[name]) for name in ("state", "roster")}})
    try:
        daemon_loop.run(partial(serve, settings, lambda found: announce(f"broker ready at {found['endpoint']}, key {found['key']}\n")))
    except Refused as refused:
        print(f"jobwire: {printable(str(refused))}", file=sys.stderr)  # noqa: T201 -- a message
        return status_of(refused)
    return 0


def _end(number: int, frame: object) -> None:
    del number, frame
    os.kill(os.getpid(), signal.SIGTERM)
