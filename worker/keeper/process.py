"""The process of the keeper: started by the worker, parent of the supervisor, outlives both. loop.py describes what it does."""

# No pathlib, no contextlib, and only the C part of socket: this process should stay small.
# ruff: noqa: PTH108, SIM105
from __future__ import annotations

import fcntl
import os
import resource
import select
import sys
import time

from ...schemas.private_parts.c_signal import signal
from ..state import layout
from ..state.presence import is_inhabited, move_in
from ..wire.supervisor_socket import listen, socket_file, unlink_socket
from .c_prctl import prctl
from .light_process import DEFAULT_SIGNALS, command, say
from .loop import Keeper

_PR_SET_CHILD_SUBREAPER = 36
_START_SECONDS = 10
_READY_FD = 3
_LOOK_AGAIN_MS = 20
_HERE = b"1"
_LISTENING = b"2"


def start(state: str | os.PathLike[str], files_limit: int = 0) -> None:
    """Start a keeper, and with it a supervisor, for this state folder; returns when the supervisor's socket is listening.

    They have a session of their own and outlive the caller. `files_limit` is the soft RLIMIT_NOFILE of jobs (0: the caller's). Blocks for
    some 50 ms, or until an earlier pair has exited. Raises OSError if the socket is not listening within 10 s.
    """
    log = f"{os.fspath(state)}/{layout.SUPERVISOR_LOG}"
    limit = files_limit or resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    ready, tell = os.pipe2(os.O_CLOEXEC)
    try:
        pid = os.posix_spawn(
            sys.executable,
            command(f"keeper import main; main({os.fspath(state)!r}, {limit})"),
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                (os.POSIX_SPAWN_DUP2, tell, _READY_FD),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=DEFAULT_SIGNALS,
        )
        os.close(tell)
        tell = -1
        _reap(pid)
        if not _hears_listening(ready):
            raise OSError(f"the supervisor did not start; {log} may show why")
    finally:
        os.close(ready)
        if tell >= 0:
            os.close(tell)


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        # If SIGCHLD is ignored, the kernel reaps it, and waitpid(2) waits until all children have ended.
        return


def _hears_listening(ready: int) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    poll = select.poll()
    poll.register(ready, select.POLLIN)
    while poll.poll(max(0, deadline - time.monotonic()) * 1000):
        heard = os.read(ready, 16)
        if not heard or heard.endswith(_LISTENING):
            return bool(heard)
    return False


def main(state: str, files_limit: int, listener: int = -1, lock: int = -1, handed: int = -1) -> None:
    """Run as the keeper.

    `listener` and `lock` are passed by a supervisor that lost its keeper and becomes the next one; or, together with `handed`, by this
    process itself when it ran another version.
    """
    os.umask(0o077)
    os.chdir(state)
    if listener < 0:
        # The worker waits only for this child, and need not exist when the keeper exits.
        if os.fork():
            os._exit(0)
        os.set_inheritable(_READY_FD, False)  # noqa: FBT003 -- it takes no name
        # Descriptors that the worker itself inherited must not be inherited by jobs.
        os.closerange(_READY_FD + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        lock = os.open(layout.SUPERVISOR_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # The worker does not wait longer, so this process is useless then.
        signal.alarm(_START_SECONDS)
        fcntl.flock(lock, fcntl.LOCK_EX)
        while is_inhabited():
            # The lock file of another pair was removed, and nothing reports when that pair exits or listens at its socket again.
            if socket_file() is not None:
                os.write(_READY_FD, _LISTENING)
                return
            select.poll().poll(_LOOK_AGAIN_MS)
        here = move_in()
        signal.alarm(0)
        if is_inhabited(here):
            say("another keeper is starting at the same time with another lock file; this one exits")
            return
        try:
            os.write(_READY_FD, _HERE)
        except BrokenPipeError:
            say("another keeper held the lock for too long, and the worker no longer waits; this one exits")
            return
        _forget_anew()
        listener = listen()
        os.write(_READY_FD, _LISTENING)
        os.close(_READY_FD)
    else:
        move_in()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if prctl(_PR_SET_CHILD_SUBREAPER, 1):
        say("cannot become the reaper of orphaned processes, see prctl(2)")
    keeper = Keeper(listener, lock, files_limit)
    if handed >= 0:
        keeper.take_over(handed)
    keeper.run()
    unlink_socket()


def _forget_anew() -> None:
    try:
        os.unlink(layout.SOCKET_ANEW)
    except FileNotFoundError:
        pass
