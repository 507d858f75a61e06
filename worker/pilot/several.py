"""Several workers in one allocation: each is a process of its own, and the allocation lasts until all of them have exited.

A signal to this process is forwarded to all of them. Slurm also signals the processes of an allocation itself; a second SIGTERM changes
nothing.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from ...keys.files import private_files
from ...keys.holder import identify
from .program import PROCESS


def run(folders: Sequence[str]) -> int:
    """Start a worker for each folder, and return the highest exit status when all have exited."""
    workers: list[subprocess.Popen[bytes]] = []
    told: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        del frame
        told.append(number)
        for worker in workers:
            worker.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    # Which process this is, for a broker on the same machine.
    private_files.replace_itself(Path(folders[0]).parent / PROCESS, json.dumps(identify()).encode())
    for folder in folders:
        worker = subprocess.Popen([sys.executable, "-P", "-m", "jobwire.worker.pilot.main", folder])
        workers.append(worker)
        if told:
            # Before it was one of those that are told.
            worker.send_signal(told[0])
    return max(_status_of(worker.wait()) for worker in workers)


def _status_of(returned: int) -> int:
    return returned if returned >= 0 else 128 - returned
