"""Who holds a state folder: a flock for as long as the worker lives, and a file that says who it is.

The lock tells whether one lives (a file stays behind after `kill -9`); what is written in it is for messages only.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from ..keys import private_files
from ..schemas.refusal import Code, Refused

_LOCK = "lock"
_DESCRIPTION = "worker.json"


class StateLock:
    """The state folder of one worker, made private and locked until `release` or the end of the process."""

    def __init__(self, state: Path, inherited: int = -1) -> None:
        """Take it; `inherited` is the lock itself, of the worker that this process was before it executed itself.

        Raises Refused(FAILED_PRECONDITION) if another worker holds it, or the folder cannot be used.
        """
        self._state = state
        if inherited >= 0:
            os.set_inheritable(inherited, False)  # noqa: FBT003 -- it takes no name
            self._file = inherited
            return
        try:
            private_files.make_folder(state)
            self._file = os.open(state / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Refused(
                Code.FAILED_PRECONDITION, f"the state folder {state} cannot be used: {error.strerror}", "give another with --state"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 32).decode(errors="replace").strip()
            if holder.isdecimal() and Path(f"/proc/{holder}").exists():
                os.close(self._file)
                raise Refused(
                    Code.FAILED_PRECONDITION,
                    f"another worker (pid {holder}) holds the state folder {state}",
                    f"jobwire worker stop --state {state}",
                ) from None
            # Not a worker, but somebody who looks whether there is one: gone in a moment.
            fcntl.flock(self._file, fcntl.LOCK_EX)
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def describe(self, description: dict[str, Any]) -> None:
        """Write down what this worker is, for those who look for it."""
        private_files.replace(self._state / _DESCRIPTION, json.dumps(description).encode() + b"\n")

    def fileno(self) -> int:
        """Get the descriptor that holds the lock."""
        return self._file

    def release(self) -> None:
        """Let go."""
        os.close(self._file)


def running(state: Path) -> dict[str, Any] | None:
    """Read what the worker that holds this folder says of itself; None if none lives."""
    try:
        file = os.open(state / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return last_description(state)
    finally:
        os.close(file)
    return None


def last_description(state: Path) -> dict[str, Any] | None:
    """Read what the last worker of this folder said of itself; None if there was none."""
    try:
        found = json.loads((state / _DESCRIPTION).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
