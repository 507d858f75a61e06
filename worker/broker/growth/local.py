"""Workers as processes on the machine of the broker: for one large machine, and to try growth without a cluster.

The process of a worker is identified by a file in its folder, which it writes itself. Its end proves nothing about its jobs: they outlive
it, like those of any worker.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ....broker.growth.cluster import Phase, Seen
from ....broker.growth.folders import OUTPUT, folders_of
from ....broker.own_process.threads import on_thread
from ....keys.files.small_file import read_small
from ....keys.holder import Whereabouts, locate
from ....schemas.generated import request_pb2
from ....schemas.json_text import object_of
from ....schemas.refusal import Code, Refused
from ...pilot.program import PROCESS


class Local:
    """The machine of the broker; `folder`: the parent of the workers' folders."""

    def __init__(self, folder: Path, poll_seconds: float = 2.0) -> None:
        self.poll_seconds = poll_seconds
        self._folder = folder
        # Those that this run of the broker has started, which it reaps.
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    async def check(self, queue: request_pb2.GrowthQueue) -> None:
        """Refuse settings that only a cluster supports."""
        if queue.options or queue.partition or queue.folder or queue.gpus:
            raise Refused(Code.INVALID_ARGUMENT, "a queue of local processes has no partition, GPUs, folder or options of sbatch")

    async def submit(self, queue: request_pb2.GrowthQueue, name: str, folder: Path) -> str:
        """Start a worker."""
        folders = map(str, folders_of(folder, max(1, queue.per_node)))
        argv = [queue.python or sys.executable, "-P", "-m", "jobwire.worker.pilot.main", *folders]
        self._started[name] = await on_thread(_start, argv, folder)
        return str(self._started[name].pid)

    async def list(self, prefix: str) -> Sequence[Seen]:
        """Return the workers that were started."""
        return await on_thread(self._list, prefix)

    def _list(self, prefix: str) -> Sequence[Seen]:
        found: dict[str, Seen] = {}
        for path in self._folder.glob(f"{prefix}*/{PROCESS}"):
            said = _read(path)
            if said is not None:
                runs = locate(said) is Whereabouts.HERE
                found[path.parent.name] = Seen(
                    str(said["pid"]), path.parent.name, Phase.RUNNING if runs else Phase.ENDED, "" if runs else "ended"
                )
        for name, process in list(self._started.items()):
            status = process.poll()
            if status is not None:
                del self._started[name]
            phase, said_of_it = (Phase.RUNNING, "") if status is None else (Phase.ENDED, f"exited with status {status}")
            found[name] = Seen(str(process.pid), name, phase, said_of_it)
        return list(found.values())

    async def cancel(self, cluster_ids: Sequence[str]) -> None:
        """Stop workers; they stop their jobs first."""
        await on_thread(self._cancel, set(cluster_ids))

    def _cancel(self, cluster_ids: set[str]) -> None:
        for path in self._folder.glob(f"*/{PROCESS}"):
            said = _read(path)
            if said is not None and str(said["pid"]) in cluster_ids:
                _end(said)


def _start(argv: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    try:
        with (folder / OUTPUT).open("ab") as output:
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/")
    except OSError as error:
        raise Refused(Code.FAILED_PRECONDITION, f"{argv[0]} cannot be started: {error.strerror}") from error


def _read(path: Path) -> dict[str, Any] | None:
    try:
        said = object_of(read_small(path))
    except (OSError, ValueError):
        return None
    return said if isinstance(said.get("pid"), int) else None


def _end(said: dict[str, Any]) -> None:
    with contextlib.suppress(OSError, OverflowError):
        process = os.pidfd_open(said["pid"])
        try:
            # The number may have been used again.
            if locate(said) is Whereabouts.HERE:
                signal.pidfd_send_signal(process, signal.SIGTERM)
        finally:
            os.close(process)
