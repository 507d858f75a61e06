"""The folder of a new worker, read when its allocation starts: its token and its instructions. Only its user can read it.

Both the broker and the nodes see the folder. The output of the allocation is there too, and is shown when no worker joins from it.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...keys.files import private_files
from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Refused
from ..own_process.threads import on_thread
from .book import spare_seconds

TOKEN, TOLD, OUTPUT = "token", "pilot.json", "output"
_LAST_BYTES = 2000
_LONGEST_WORDS = 300


class Folders:
    """`usual`: the parent folder for queues that name no other."""

    def __init__(self, usual: Path) -> None:
        self._usual = usual

    async def make(self, queue: request_pb2.GrowthQueue, name: str, tokens: Mapping[str, str]) -> Path:
        """Create the folder of an allocation and return it, with the tokens of its workers by name; each of several has a subfolder.

        Raises Refused(FAILED_PRECONDITION) if it cannot be written.
        """
        return await on_thread(self._make, queue, name, tokens)

    async def remove(self, queue: request_pb2.GrowthQueue, name: str) -> None:
        """Remove a folder with its content."""
        await on_thread(shutil.rmtree, self._path(queue, name), ignore_errors=True)

    async def last_words(self, queue: request_pb2.GrowthQueue, name: str) -> str:
        """Return the last lines of the allocation's output, on one line; empty if there are none, or they cannot be read."""
        return await on_thread(_end_of, self._path(queue, name) / OUTPUT)

    def _path(self, queue: request_pb2.GrowthQueue, name: str) -> Path:
        return Path(queue.folder or self._usual) / name

    def _make(self, queue: request_pb2.GrowthQueue, name: str, tokens: Mapping[str, str]) -> Path:
        path = self._path(queue, name)
        told = {
            "cluster": queue.cluster,
            "left_seconds": queue.time_ms / 1000,
            "spare_seconds": spare_seconds(queue.time_ms),
            "scratch": queue.scratch,
            "jobs_as_root": queue.jobs_as_root,
            "slots": queue.cpus,
            "memory_bytes": queue.memory_bytes,
            "labels": list(queue.labels),
        }
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.mkdir(mode=0o700)
            for number, (own, worker) in enumerate(zip(folders_of(path, len(tokens)), tokens, strict=True)):
                own.mkdir(mode=0o700, exist_ok=True)
                private_files.create(own / TOKEN, tokens[worker].encode())
                private_files.create(own / TOLD, json.dumps({**told, "name": worker, "number": number, "of": len(tokens)}).encode())
        except OSError as error:
            message = f"the folder {path} for a new worker cannot be written: {error.strerror}"
            raise Refused(Code.FAILED_PRECONDITION, message, "choose another folder") from error
        return path


def folders_of(folder: Path, workers: int) -> Sequence[Path]:
    """Return the folders of the workers of an allocation."""
    return [folder] if workers == 1 else [folder / str(number) for number in range(1, workers + 1)]


def _end_of(path: Path) -> str:
    text = ""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LAST_BYTES))
        text = file.read(_LAST_BYTES).decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][-_LONGEST_WORDS:] if lines else ""
