"""What keeper and supervisor have in common: how they are started, and the log that they share. Imports almost nothing."""

# ruff: noqa: PTH108 -- pathlib and contextlib are not light
from __future__ import annotations

import os
import sys
import time

from ...schemas.c_signal import signal
from ..state import layout
from .c_socket import socket

# For posix_spawn: the new process ignores no signal, even if this process or its parent does.
DEFAULT_SIGNALS = tuple({int(number) for number in signal.valid_signals()} - {int(signal.SIGKILL), int(signal.SIGSTOP)})

_BACKLOG = 16


def say(sentence: str) -> None:
    """Write a line into the log that keeper and supervisor share."""
    try:
        print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), f"[{os.getpid()}]", sentence, file=sys.stderr, flush=True)  # noqa: T201 -- the log
    except OSError:
        # For example, the disk is full. A process that holds jobs must not die because it cannot log.
        return


def listen() -> int:
    """Create the socket at which the supervisor listens, and return its descriptor. The working folder must be the state folder."""
    # By a relative path: the state folder's may be longer than the 107 bytes that a socket's address can hold.
    unlink_socket()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = os.umask(0o077)
    try:
        listener.bind(layout.SOCKET)
    finally:
        os.umask(before)
    listener.listen(_BACKLOG)
    listener.settimeout(0)
    return listener.detach()


def unlink_socket() -> None:
    """Remove the socket, if it exists."""
    try:
        os.unlink(layout.SOCKET)
    except FileNotFoundError:
        return


def command(call: str) -> list[str]:
    """Return the argv of an interpreter that imports and calls; without site-packages, which would double its memory."""
    # Isolated, so that no module is imported from a working folder. The package's parent comes last and hides no module of Python's.
    package, _, room = (__package__ or "").rpartition(".")
    parent = os.path.abspath(__file__).removesuffix(f"/{package.replace('.', '/')}/{room}/light_process.py")  # noqa: PTH100 -- pathlib is not light
    return [sys.executable, "-I", "-S", "-X", "utf8", "-c", f"import sys; sys.path.append({parent!r}); from {package}.{call}"]
