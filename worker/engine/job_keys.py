"""The key files of jobs that may start jobs: STATE/keys/HANDLE, kept until the end of the job is settled.

Written with the intent of the job. Knows their names, not their content.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence

from ...broker.engine import Expected, Launch
from ..state.log_folders import folders


class JobKeys:
    """The jobs that have such a file."""

    def __init__(self, logs: str) -> None:
        self._logs = logs
        self._handles: set[str] = set()

    def expect(self, expected: Sequence[Expected]) -> None:
        """Remove the files of all jobs except these, which have not ended: a worker may be killed between an end and the removal."""
        self._handles = {folders.handle(one.key) for one in expected if one.spec is not None and one.spec.may_submit}
        folder = os.path.dirname(folders.key_path(self._logs, ""))  # noqa: PTH120 -- as in folders.py
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):  # noqa: PTH208 -- as above
                # What has another name is not ours: somebody has chosen a folder with other things as the state folder.
                if folders.is_handle(name) and name not in self._handles:
                    _remove(f"{folder}/{name}")

    def note(self, launches: Iterable[Launch]) -> None:
        """Note which of these jobs get a key file."""
        for launch in launches:
            if launch.key_text:
                self._handles.add(folders.handle(launch.key))

    def settle(self, handles: Iterable[str]) -> None:
        """Remove the files of jobs that have ended."""
        if self._handles:
            for handle in self._handles.intersection(handles):
                self._handles.discard(handle)
                _remove(folders.key_path(self._logs, handle))


def _remove(path: str) -> None:
    # What it holds is worth nothing any more.
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 -- as above
