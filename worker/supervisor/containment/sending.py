"""How a signal is sent to one process, and what is done where a filter of system calls (seccomp) refuses pidfd_send_signal(2).

Then kill(2) remains, which could hit another process with a reused pid, unless the process is a child of this one: until this one reaps
it, nothing else has its pid.
"""

from __future__ import annotations

import os
import signal

from .processes import is_over, read_stat


def send(pid: int, pidfd: int, number: int) -> None:
    """Send a signal to the process of a pidfd. Raises OSError; ProcessLookupError if it has ended."""
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        raise
    except OSError:
        # In this order: a process that has not ended still has its pid, and a child keeps it.
        if is_over(pidfd) or not _is_child(pid):
            raise
        os.kill(pid, number)


def why_none_can_be_sent() -> str:
    """Return why pidfd_send_signal(2) fails for any process; empty if it works: a filter may say EPERM, as for a process of others."""
    pidfd = os.pidfd_open(os.getpid())
    try:
        signal.pidfd_send_signal(pidfd, 0)
    except OSError as error:
        return f"the system call pidfd_send_signal fails here: {error.strerror}"
    finally:
        os.close(pidfd)
    return ""


def _is_child(pid: int) -> bool:
    stat = read_stat(pid)
    return stat is not None and stat.parent == os.getpid()
