"""What tests need that a machine may not have."""

from __future__ import annotations

import socket
import subprocess

import pytest

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
