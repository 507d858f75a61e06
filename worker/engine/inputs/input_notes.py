"""Notes about inputs that arrive through a broker: STATE/inputs/HANDLE, kept until the end of the job is settled.

There are two notes, written in turn: the older one is needed if the worker is killed before the bytes arrive that the newer one covers.
They are hashes, and no part of an input. Not fsynced: an input does not survive anything that these would not.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Sequence

from ....broker.engine import Expected
from ...state.log_folders import folders

_log = logging.getLogger(__name__)

_SIZE_BYTES = 8
_NOTE_BYTES = _SIZE_BYTES + 32


class InputNotes:
    """The jobs that have such a file."""

    def __init__(self, logs: str) -> None:
        self._logs = logs
        self._handles: set[str] = set()

    def expect(self, expected: Sequence[Expected]) -> None:
        """Remove the files of all jobs except these, which have not ended."""
        live = {folders.handle(one.key) for one in expected}
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self._folder()):  # noqa: PTH208 -- as in folders.py
                if name in live:
                    self._handles.add(name)
                # What has another name is not ours: somebody has chosen a folder with other things as the state folder.
                elif folders.is_handle(name):
                    _remove(folders.input_path(self._logs, name))

    def note(self, handle: str, size: int, state: bytes) -> None:
        """Write a note, replacing the older one."""
        try:
            if handle not in self._handles:
                os.makedirs(self._folder(), 0o700, exist_ok=True)  # noqa: PTH103 -- as above
                self._handles.add(handle)
            path = folders.input_path(self._logs, handle)
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                sizes = [one[0] for one in self._read(handle)]
                # The same once more, of what did not arrive, takes its own place.
                place = sizes.index(size) if size in sizes else sizes.index(min(sizes))
                os.pwrite(file, size.to_bytes(_SIZE_BYTES, "big") + state, place * _NOTE_BYTES)
            finally:
                os.close(file)
        except OSError as error:
            _log.warning("the input of the job %s cannot be checked after a restart: %s", handle, error.strerror)

    def find(self, handle: str, reached: int) -> tuple[int, bytes]:
        """Return the last note that covers at most this many bytes; 0 and empty if there is none."""
        return max((one for one in self._read(handle) if one[0] <= reached), default=(0, b""))

    def settle(self, handles: Iterable[str]) -> None:
        """Remove the files of jobs that have ended."""
        if self._handles:
            for handle in self._handles.intersection(handles):
                self._handles.discard(handle)
                _remove(folders.input_path(self._logs, handle))

    def _folder(self) -> str:
        return os.path.dirname(folders.input_path(self._logs, ""))  # noqa: PTH120 -- as above

    def _read(self, handle: str) -> list[tuple[int, bytes]]:
        """Return both notes; (0, empty) for a missing one."""
        content = b""
        with contextlib.suppress(OSError), open(folders.input_path(self._logs, handle), "rb") as file:  # noqa: PTH123 -- as above
            content = file.read(2 * _NOTE_BYTES)
        parts = [content[at * _NOTE_BYTES : (at + 1) * _NOTE_BYTES] for at in range(2)]
        return [(int.from_bytes(part[:_SIZE_BYTES], "big"), part[_SIZE_BYTES:]) if any(part) else (0, b"") for part in parts]


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 -- as above
