"""What tests need that a machine may not have."""

from __future__ import annotations

import socket
import subprocess

import pytest

# asm-generic/socket.h, since Linux 5.14.
_SO_BUF_LOCK = 72
# Executes a command without capabilities: for the kernel, root is then like any other user.
UNPRIVILEGED = ("setpriv", "--securebits=+noroot", "--bounding-set=-all", "--inh-caps=-all")


def can_run(*command: str) -> bool:
    """Return whether a command succeeds here."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")


def _has_unfixed_buffers() -> bool:
    with socket.socket() as one:
        try:
            one.getsockopt(socket.SOL_SOCKET, _SO_BUF_LOCK)
        except OSError:
            return False
    return True


needs_unfixed_buffers = pytest.mark.skipif(
    not _has_unfixed_buffers(), reason="this kernel cannot adapt the size of a buffer that was set once"
)
