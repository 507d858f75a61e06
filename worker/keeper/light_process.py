"""Common parts of keeper and supervisor: how they are started, and the log that they share. Imports almost nothing."""

from __future__ import annotations

import os
import sys
import time

from ...schemas.private_parts.c_signal import signal

# For posix_spawn: the new process ignores no signal, even if this process or its parent does.
DEFAULT_SIGNALS = tuple({int(number) for number in signal.valid_signals()} - {int(signal.SIGKILL), int(signal.SIGSTOP)})


def say(sentence: str) -> None:
    """Write a line to the log that keeper and supervisor share."""
    try:
        print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), f"[{os.getpid()}]", sentence, file=sys.stderr, flush=True)  # noqa: T201 -- the log
    except OSError:
        # For example, the disk is full. A process that holds jobs must not die because it cannot log.
        return


def command(call: str) -> list[str]:
    """Return the argv of an interpreter that imports and calls a function; without site-packages, which would double its memory."""
    # Isolated, so that no module is imported from a working folder. The package's parent comes last and hides no module of Python's.
    package, _, room = (__package__ or "").rpartition(".")
    parent = os.path.abspath(__file__).removesuffix(f"/{package.replace('.', '/')}/{room}/light_process.py")  # noqa: PTH100 -- pathlib is not light
    return [sys.executable, "-I", "-S", "-X", "utf8", "-c", f"import sys; sys.path.append({parent!r}); from {package}.{call}"]
