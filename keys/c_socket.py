"""CPython's module `_socket`, the C part of `socket`, under the public name, with its private `accept`, and `peer_of`.

Private to CPython. Used because `socket` loads `enum` and `selectors`: keeper and supervisor must stay small, and shell completion fast.
`tests/unit/test_private_parts.py` fails once `socket` no longer loads these, or `_socket` lacks something that is used here.
"""

from __future__ import annotations

import _socket as socket
import sys

__all__ = ["accept", "peer_of", "socket"]

# struct ucred of unix(7): pid, uid, gid, of four bytes each.
_CREDENTIALS_BYTES = 12


def accept(listener: socket.socket) -> socket.socket:
    """Return the next connection of a listener.

    Raises OSError.
    """
    fd, _ = listener._accept()  # type: ignore[attr-defined] # noqa: SLF001 -- socket.socket.accept() is a wrapper of it
    return socket.socket(fileno=fd)


def peer_of(connection: socket.socket) -> tuple[int, int]:
    """Return pid and user of the process that connected, or that created a socket pair (SO_PEERCRED). Raises OSError."""
    said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS_BYTES)
    return int.from_bytes(said[:4], sys.byteorder, signed=True), int.from_bytes(said[4:8], sys.byteorder, signed=True)
